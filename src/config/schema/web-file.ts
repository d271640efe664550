import * as v from 'valibot'
import { tlsVersions } from '../../http/index.ts'
import { clientAuthTypes } from '../../web/index.ts'
import { count, filled, flag, positive, text } from './values.ts'

/** https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md */

/** Secure cipher suites up to TLS 1.2: the Go name and the OpenSSL name. */
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

/** Cipher suites of TLS 1.3. They are always enabled, as in Go. */
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

/** The headers that the file can set. */
const headers = [
  'Content-Security-Policy',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'X-Frame-Options',
  'X-XSS-Protection',
] as const

const oneOf = (known: readonly string[]) => v.picklist(known, `expected one of ${known.join(', ')}`)
const listOf = <Item extends v.GenericSchema>(item: Item) => v.optional(v.array(item, 'expected a list'))

const tls = v.strictObject({
  cert: v.optional(filled),
  cert_file: v.optional(filled),
  key: v.optional(filled),
  key_file: v.optional(filled),
  client_auth_type: v.optional(v.picklist(clientAuthTypes, `expected one of ${clientAuthTypes.join(', ')}`)),
  client_ca: v.optional(filled),
  client_ca_file: v.optional(filled),
  client_allowed_sans: listOf(filled),
  min_version: v.optional(v.picklist(tlsVersions, `expected one of ${tlsVersions.join(', ')}`)),
  max_version: v.optional(v.picklist(tlsVersions, `expected one of ${tlsVersions.join(', ')}`)),
  cipher_suites: listOf(oneOf([...Object.keys(cipherSuites), ...modernSuites])),
  curve_preferences: listOf(oneOf(Object.keys(curves))),
  prefer_server_cipher_suites: v.optional(flag),
})

const hash = v.pipe(
  v.string('expected a bcrypt hash'),
  v.regex(/^\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z\d]{53}$/, 'expected a bcrypt hash'),
)
const headerValue = v.pipe(text, v.regex(/^[\t\x20-\x7e]*$/, 'expected a text of one line in ASCII'))

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
