import { statSync } from 'node:fs'
import type { ConnectionOptions, SecureContext, SecureContextOptions } from 'node:tls'
import { messageOf, type Secret } from '../../util/log.ts'
import { readRegularText } from '../../util/regular-file.ts'
import { wordsOf } from './error-text.ts'

/** PEM text, or the file that contains it. */
export type Pem = { readonly text: Secret } | { readonly file: string }

/** Maximum size of a file with certificates: a bundle of all public CAs has 0.3 MB. */
const maxPemBytes = 4 * 1024 * 1024

const versions = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const

export type TlsVersion = keyof typeof versions
export const tlsVersions = Object.keys(versions) as readonly TlsVersion[]

export interface TlsOptions {
  /** CA certificates; default: those of the host. */
  readonly ca?: Pem
  readonly cert?: Pem
  readonly key?: Pem
  readonly serverName?: string
  readonly verify: boolean
  readonly minVersion?: TlsVersion
  readonly maxVersion?: TlsVersion
}

/** `own` is the endpoint; `other`, a proxy or another host, does not get the client certificate. */
export type Party = 'own' | 'other'

/** TLS options of connections. Detects changes of the files: a renewed certificate needs no restart. */
export class Trust {
  readonly #options: TlsOptions
  readonly #files: readonly string[]
  #stamps = ''
  #contexts: Readonly<Record<Party, SecureContext>> | undefined

  constructor(options: TlsOptions) {
    this.#options = options
    this.#files = [options.ca, options.cert, options.key].flatMap((pem) => (pem && 'file' in pem ? [pem.file] : []))
  }

  /** Reads changed files; returns whether any has changed. Throws if a certificate or key is invalid. */
  refresh(): boolean {
    const stamps = this.#files.map(stampOf).join(' ')
    if (this.#contexts !== undefined && stamps === this.#stamps) return false
    const { minVersion, maxVersion } = this.#options
    const { ca, cert, key } = textsOf(this.#options)
    const common = {
      ...(ca && { ca }),
      ...(minVersion && { minVersion: versions[minVersion] }),
      ...(maxVersion && { maxVersion: versions[maxVersion] }),
      ...(isOld(minVersion) && { ciphers: 'DEFAULT@SECLEVEL=0' }),
    }
    const own = { ...(cert && { cert }), ...(key && { key }) }
    const other = contextOf(common)
    this.#contexts = { own: cert === undefined ? other : contextOf({ ...common, ...own }), other }
    this.#stamps = stamps
    return true
  }

  /** Options for a new connection. */
  connectionOptions(party: Party): ConnectionOptions {
    const { serverName, verify } = this.#options
    return {
      ...(this.#contexts && { secureContext: this.#contexts[party] }),
      ...(serverName !== undefined && party === 'own' && { servername: serverName }),
      rejectUnauthorized: verify,
    }
  }
}

/** OpenSSL's default security level does not allow the ciphers of these versions. */
const isOld = (version: TlsVersion | undefined) => version === 'TLS10' || version === 'TLS11'

/** Loads node:tls on demand: TLS and cryptography take 12 ms to load. */
function contextOf(options: SecureContextOptions): SecureContext {
  const { createSecureContext } = process.getBuiltinModule('node:tls')
  try {
    return createSecureContext(options)
  } catch (error) {
    throw new Error(`tls: invalid certificates: ${wordsOf(error)}`)
  }
}

const isEncrypted = /^(-----BEGIN ENCRYPTED|Proc-Type: .*ENCRYPTED)/m

type Part = 'ca' | 'cert' | 'key'

/** The configured texts, each checked separately, so that an error names the invalid one. */
function textsOf({ ca, cert, key }: TlsOptions): Readonly<Partial<Record<Part, string>>> {
  const texts: Partial<Record<Part, string>> = {}
  for (const [part, pem] of Object.entries({ ca, cert, key }) as [Part, Pem | undefined][])
    if (pem !== undefined) texts[part] = textOf(pem, part)
  if (cert === undefined || key === undefined) return texts
  const { X509Certificate, createPrivateKey } = process.getBuiltinModule('node:crypto')
  const isPair = new X509Certificate(texts.cert ?? '').checkPrivateKey(createPrivateKey(texts.key ?? ''))
  if (!isPair) throw new Error(`tls: ${placeOf(key, 'key')} does not match ${placeOf(cert, 'cert')}`)
  return texts
}

/** Changes when a file is rewritten or replaced. Empty for a missing file; reading it reports the error. */
function stampOf(file: string): string {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? '' : `${stats.ino}:${stats.size}:${stats.mtimeNs}`
}

function textOf(pem: Pem, what: Part): string {
  const text = 'text' in pem ? pem.text.reveal() : readPem(pem.file, what)
  if (!text.includes('-----BEGIN ')) throw new Error(`tls: ${placeOf(pem, what)} contains no PEM data`)
  if (what === 'key' && isEncrypted.test(text))
    throw new Error(`tls: ${placeOf(pem, what)} is encrypted: use a key without a passphrase (openssl pkey -in …)`)
  const { X509Certificate, createPrivateKey } = process.getBuiltinModule('node:crypto')
  try {
    if (what === 'key') createPrivateKey(text)
    else new X509Certificate(text) // OpenSSL ignores text that is not a certificate
    return text
  } catch (error) {
    const kind = what === 'key' ? 'private key' : 'certificate'
    throw new Error(`tls: ${placeOf(pem, what)} contains no valid ${kind}: ${wordsOf(error)}`)
  }
}

const placeOf = (pem: Pem, what: string) => ('file' in pem ? `${what}_file ${pem.file}` : what)

function readPem(file: string, what: string): string {
  try {
    return readRegularText(file, maxPemBytes).replace(/^\uFEFF/, '')
  } catch (error) {
    throw new Error(`tls: ${what}_file ${file} cannot be read: ${messageOf(error)}`)
  }
}
