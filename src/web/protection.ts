import type { Secret } from '../util/log.ts'

/** Who may ask, and how: what a web configuration file says (exporter-toolkit's). */
export interface Protection {
  readonly tls?: TlsProtection
  /** Sent with each answer. */
  readonly headers: Readonly<Record<string, string>>
  /** bcrypt hashes by user; nobody is asked for a name where there are none. */
  readonly users: ReadonlyMap<string, Secret>
  readonly rateLimit?: { readonly burst: number; readonly intervalMs: number }
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
  /** What node:tls takes: certificate, key, authorities, versions, ciphers. */
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
  /** Names of which a client's certificate must have one; empty where any will do. */
  readonly clientNames: readonly string[]
}

/** What holds now. Throws an Error that says what is wrong with the file, or with one that it names. */
export type CurrentProtection = () => Protection
