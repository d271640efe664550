import * as v from 'valibot'
import type { TlsVersion } from '../../http/index.ts'
import { secretRef } from './prometheus-keys.ts'
import { filled, flag, text } from './values.ts'

const isHttp = (value: string) => /^https?:$/.test(URL.parse(value)?.protocol ?? '')
export const url = v.pipe(text, v.check(isHttp, 'expected an http:// or https:// URL'))
const proxyUrl = v.pipe(text, v.check(isHttp, 'expected an http:// or https:// URL (SOCKS proxies are not supported)'))

const tlsVersions = ['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const satisfies readonly TlsVersion[]
const tlsVersion = v.picklist(tlsVersions, `expected one of ${tlsVersions.join(', ')}`)

/** TLS and proxy settings of an endpoint or of a token server. */
export const access = {
  tls_config: v.optional(
    v.strictObject({
      ca: v.optional(filled),
      ca_file: v.optional(filled),
      ...secretRef('ca', 'cert', 'key'),
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
  proxy_connect_header: v.optional(v.record(filled, v.array(text, 'expected a list of values'))),
} as const
const _accessShape = v.strictObject(access)

export type AccessShape = v.InferOutput<typeof _accessShape>
