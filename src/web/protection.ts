import type { Secret } from '../util/log.ts'
import type { RateLimit } from './rate-limit.ts'

/** Content of a web configuration file (exporter-toolkit): https://prometheus.io/docs/prometheus/latest/configuration/https/ */
export interface Protection {
  readonly tls?: TlsProtection
  /** Response headers, sent with each answer. */
  readonly headers: Readonly<Record<string, string>>
  /** bcrypt hashes by user. If empty, no authentication is required. */
  readonly users: ReadonlyMap<string, Secret>
  readonly rateLimit?: RateLimit
}

export const clientAuthTypes = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const

export type ClientAuth = (typeof clientAuthTypes)[number]

export interface TlsProtection {
  /** Options of node:tls: certificate, key, CA certificates, versions, ciphers. */
  readonly context: {
    readonly cert: string
    readonly key: string
    readonly ca?: string
    readonly minVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
    readonly maxVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
    readonly ciphers?: string
    readonly ecdhCurve?: string
    readonly honorCipherOrder?: boolean
  }
  readonly clientAuth: ClientAuth
  /** The client certificate must have one of these names (SAN). If empty, any name is accepted. */
  readonly clientNames: readonly string[]
}

/** The current configuration. Throws an Error if the file, or a file that it names, is invalid. */
export type CurrentProtection = () => Protection
