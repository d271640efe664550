import * as v from 'valibot'
import { tlsVersions } from '../../http/index.ts'
import { clientAuthTypes } from '../../web/index.ts'
import { count, filled, flag, positive, text } from './values.ts'

/** https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md */

/** Go's names of the cipher suites up to TLS 1.2 that are not known to be weak, and OpenSSL's. */
export const cipherSuites: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
}

/** Those of TLS 1.3, which are always on, as in Go. */
export const modernSuites = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
] as const

export const curves: Readonly<Record<string, string>> = {
  CurveP256: 'P-256',
  CurveP384: 'P-384',
  CurveP521: 'P-521',
  X25519: 'X25519',
  X25519MLKEM768: 'X25519MLKEM768',
}

/** The headers that may be set. */
const headers = [
  'Content-Security-Policy',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'X-Frame-Options',
  'X-XSS-Protection',
] as const

const oneOf = (known: readonly string[]) => v.picklist(known, `one of ${known.join(', ')} is expected`)
const listOf = <Item extends v.GenericSchema>(item: Item) => v.optional(v.array(item, 'a list is expected'))

const tls = v.strictObject({
  cert: v.optional(filled),
  cert_file: v.optional(filled),
  key: v.optional(filled),
  key_file: v.optional(filled),
  client_auth_type: v.optional(v.picklist(clientAuthTypes, `one of ${clientAuthTypes.join(', ')} is expected`)),
  client_ca: v.optional(filled),
  client_ca_file: v.optional(filled),
  client_allowed_sans: listOf(filled),
  min_version: v.optional(v.picklist(tlsVersions, `one of ${tlsVersions.join(', ')} is expected`)),
  max_version: v.optional(v.picklist(tlsVersions, `one of ${tlsVersions.join(', ')} is expected`)),
  cipher_suites: listOf(oneOf([...Object.keys(cipherSuites), ...modernSuites])),
  curve_preferences: listOf(oneOf(Object.keys(curves))),
  prefer_server_cipher_suites: v.optional(flag),
})

const hash = v.pipe(
  v.string('a bcrypt hash is expected'),
  v.regex(/^\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z\d]{53}$/, 'a bcrypt hash is expected'),
)
const headerValue = v.pipe(text, v.regex(/^[\t\x20-\x7e]*$/, 'a text of one line in ASCII is expected'))

export const webFileShape = v.strictObject({
  tls_server_config: v.optional(tls),
  http_server_config: v.optional(
    v.strictObject({
      http2: v.optional(flag),
      headers: v.optional(
        v.strictObject(Object.fromEntries(headers.map((name) => [name, v.optional(headerValue)] as const))),
      ),
    }),
  ),
  basic_auth_users: v.optional(v.record(text, hash)),
  rate_limit: v.optional(v.strictObject({ burst: v.optional(count), interval: v.optional(positive) })),
})

export type WebFile = v.InferOutput<typeof webFileShape>
export type TlsServer = v.InferOutput<typeof tls>
