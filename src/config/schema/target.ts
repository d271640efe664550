import * as v from 'valibot'
import { access, url } from './access.ts'
import { authorization, azuread, basicAuth, googleIam, oauth2, sigv4 } from './auth.ts'
import { filled, flag, size, text, textOrNumber } from './values.ts'

/** Headers of the protocol and of credentials. Prometheus rejects the same ones. */
const reservedHeaders = new Set(
  `authorization host content-encoding content-length content-type user-agent connection keep-alive proxy-authenticate
   proxy-authorization www-authenticate accept-encoding x-prometheus-remote-write-version
   x-prometheus-remote-read-version x-amz-date x-amz-security-token x-amz-content-sha256 retry-attempt`.split(/\s+/),
)
/** Valid header values: RFC 9110 section 5.5. */
export const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/
export const unsendable = 'invalid value, expected one line of Latin-1 characters (it is sent in a header)'

const headerName = v.pipe(
  v.string(),
  v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected a header name'),
  v.check(
    (name) => !reservedHeaders.has(name.toLowerCase()),
    'reserved, hostpush sets this header (for credentials use basic_auth, authorization, oauth2, sigv4, azuread or google_iam)',
  ),
)
const headerText = v.pipe(textOrNumber, v.regex(headerValue, unsendable))
const headerTexts = v.optional(v.array(headerText, 'expected a list of values'))

const httpHeaders = v.record(
  headerName,
  v.strictObject({
    values: headerTexts,
    secrets: headerTexts,
    files: v.optional(v.array(filled, 'expected a list of files')),
  }),
)

/** URL, headers, credentials and access: the same keys for every output. */
export const target = {
  url,
  name: v.optional(v.pipe(filled, v.regex(/^[\w.-]{1,64}$/, 'expected a name of letters, digits, . _ -'))),
  headers: v.optional(v.record(headerName, headerText)),
  http_headers: v.optional(httpHeaders),
  basic_auth: v.optional(basicAuth),
  authorization: v.optional(authorization),
  bearer_token: v.optional(text),
  bearer_token_file: v.optional(filled),
  oauth2: v.optional(oauth2),
  sigv4: v.optional(sigv4),
  azuread: v.optional(azuread),
  google_iam: v.optional(googleIam),
  ...access,
  follow_redirects: v.optional(flag),
  round_robin_dns: v.optional(flag),
  enable_http2: v.optional(flag),
  bandwidth_limit: v.optional(size),
} as const
const _targetShape = v.strictObject(target)

export type TargetShape = v.InferOutput<typeof _targetShape>
