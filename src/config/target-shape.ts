import * as v from 'valibot'
import type { TlsVersion } from '../http/tls.ts'
import { oauth2Words } from './prometheus.ts'
import { filled, flag, size, text, textOrNumber } from './values.ts'

/** Headers that are the protocol's own or an auth section's: Prometheus refuses the same ones. */
const reservedHeaders = new Set(
  `authorization host content-encoding content-length content-type user-agent connection keep-alive proxy-authenticate
   proxy-authorization www-authenticate accept-encoding x-prometheus-remote-write-version
   x-prometheus-remote-read-version x-amz-date x-amz-security-token x-amz-content-sha256 retry-attempt`.split(/\s+/),
)
/** What HTTP can carry: RFC 9110 section 5.5. */
export const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/
export const unsendable = 'cannot be sent: a header is one line of Latin letters and signs'

const headerName = v.pipe(
  v.string(),
  v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'a header name is expected'),
  v.check(
    (name) => !reservedHeaders.has(name.toLowerCase()),
    'this header is set by hostpush itself (for credentials use basic_auth, authorization, oauth2 or sigv4)',
  ),
)
const headerText = v.pipe(textOrNumber, v.regex(headerValue, unsendable))
const headerTexts = v.optional(v.array(headerText, 'a list of values is expected'))

const httpHeaders = v.record(
  headerName,
  v.strictObject({
    values: headerTexts,
    secrets: headerTexts,
    files: v.optional(v.array(filled, 'a list of files is expected')),
  }),
)

const isHttp = (value: string) => /^https?:$/.test(URL.parse(value)?.protocol ?? '')
const url = v.pipe(text, v.check(isHttp, 'an http:// or https:// URL is expected'))
const proxyUrl = v.pipe(
  text,
  v.check(isHttp, 'an http:// or https:// URL is expected; of proxies those of HTTP are known, not SOCKS'),
)

const basicAuth = v.strictObject({
  username: v.optional(textOrNumber),
  username_file: v.optional(filled),
  password: v.optional(text),
  password_file: v.optional(filled),
})

const authorization = v.strictObject({
  type: v.optional(filled),
  credentials: v.optional(text),
  credentials_file: v.optional(filled),
})

const tlsVersions = ['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const satisfies readonly TlsVersion[]
const tlsVersion = v.picklist(tlsVersions, `one of ${tlsVersions.join(', ')} is expected`)

/** How a server is reached: of an endpoint, and of what gives out tokens for it. */
const access = {
  tls_config: v.optional(
    v.strictObject({
      ca: v.optional(filled),
      ca_file: v.optional(filled),
      cert: v.optional(filled),
      cert_file: v.optional(filled),
      key: v.optional(filled),
      key_file: v.optional(filled),
      server_name: v.optional(filled),
      insecure_skip_verify: v.optional(flag),
      min_version: v.optional(tlsVersion),
      max_version: v.optional(tlsVersion),
    }),
  ),
  proxy_url: v.optional(proxyUrl),
  no_proxy: v.optional(text),
  proxy_from_environment: v.optional(flag),
  proxy_connect_header: v.optional(v.record(filled, v.array(text, 'a list of values is expected'))),
} as const
const _accessShape = v.strictObject(access)

export type AccessShape = v.InferOutput<typeof _accessShape>

const oauth2 = v.strictObject({
  client_id: filled,
  client_secret: v.optional(text),
  client_secret_file: v.optional(filled),
  token_url: url,
  scopes: v.optional(v.array(text, 'a list of scopes is expected')),
  endpoint_params: v.optional(v.record(filled, text)),
  ...oauth2Words,
  ...access,
})

const sigv4 = v.strictObject({
  region: v.optional(filled),
  access_key: v.optional(filled),
  secret_key: v.optional(filled),
  profile: v.optional(filled),
  role_arn: v.optional(filled),
  external_id: v.optional(filled),
  use_fips_sts_endpoint: v.optional(flag),
  service_name: v.optional(filled),
})

/** Where an output sends to, and as whom: the same keys for all of them. */
export const target = {
  url,
  name: v.optional(v.pipe(filled, v.regex(/^[\w.-]{1,64}$/, 'a name of letters, digits, . _ - is expected'))),
  headers: v.optional(v.record(headerName, headerText)),
  http_headers: v.optional(httpHeaders),
  basic_auth: v.optional(basicAuth),
  authorization: v.optional(authorization),
  bearer_token: v.optional(text),
  bearer_token_file: v.optional(filled),
  oauth2: v.optional(oauth2),
  sigv4: v.optional(sigv4),
  ...access,
  follow_redirects: v.optional(flag),
  round_robin_dns: v.optional(flag),
  enable_http2: v.optional(flag),
  bandwidth_limit: v.optional(size),
} as const
const _targetShape = v.strictObject(target)

export type TargetShape = v.InferOutput<typeof _targetShape>
