import { readFileSync, statSync } from 'node:fs'
import type { ConnectionOptions, SecureContext, SecureContextOptions } from 'node:tls'
import { messageOf, type Secret } from '../../util/log.ts'
import { wordsOf } from './error-text.ts'

/** PEM as it is, or the file that it is in. */
export type Pem = { readonly text: Secret } | { readonly file: string }

const versions = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const

export type TlsVersion = keyof typeof versions
export const tlsVersions = Object.keys(versions) as readonly TlsVersion[]

export interface TlsOptions {
  /** The authorities that are trusted, in place of the host's. */
  readonly ca?: Pem
  readonly cert?: Pem
  readonly key?: Pem
  readonly serverName?: string
  readonly verify: boolean
  readonly minVersion?: TlsVersion
  readonly maxVersion?: TlsVersion
}

/** `own` for the endpoint itself; a proxy or another host is not shown our certificate. */
export type Party = 'own' | 'other'

/** What TLS connections are made with. Follows the files: a certificate that was renewed needs no restart. */
export class Trust {
  readonly #options: TlsOptions
  readonly #files: readonly string[]
  #seen = ''
  #contexts: Readonly<Record<Party, SecureContext>> | undefined

  constructor(options: TlsOptions) {
    this.#options = options
    this.#files = [options.ca, options.cert, options.key].flatMap((pem) => (pem && 'file' in pem ? [pem.file] : []))
  }

  /** Reads what has changed, and tells whether anything has. Throws where it cannot be used. */
  refresh(): boolean {
    const seen = this.#files.map(stampOf).join(' ')
    if (this.#contexts !== undefined && seen === this.#seen) return false
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
    this.#seen = seen
    return true
  }

  /** For a connection that is to be opened. */
  connectionOptions(party: Party): ConnectionOptions {
    const { serverName, verify } = this.#options
    return {
      ...(this.#contexts && { secureContext: this.#contexts[party] }),
      ...(serverName !== undefined && party === 'own' && { servername: serverName }),
      rejectUnauthorized: verify,
    }
  }
}

/** OpenSSL refuses what is needed for these at its usual level. */
const isOld = (version: TlsVersion | undefined) => version === 'TLS10' || version === 'TLS11'

/** TLS and cryptography take 12 ms to load, which an endpoint without them need not wait for. */
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

/** What is configured, each looked at alone, so that it is said which of them is no good. */
function textsOf({ ca, cert, key }: TlsOptions): Readonly<Partial<Record<Part, string>>> {
  const texts: Partial<Record<Part, string>> = {}
  for (const [part, pem] of Object.entries({ ca, cert, key }) as [Part, Pem | undefined][])
    if (pem !== undefined) texts[part] = textOf(pem, part)
  if (cert === undefined || key === undefined) return texts
  const { X509Certificate, createPrivateKey } = process.getBuiltinModule('node:crypto')
  const fits = new X509Certificate(texts.cert ?? '').checkPrivateKey(createPrivateKey(texts.key ?? ''))
  if (!fits) throw new Error(`tls: ${placeOf(key, 'key')} does not match ${placeOf(cert, 'cert')}`)
  return texts
}

/** Changes when a file is written anew or another takes its place; a missing one is said where it is read. */
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
    else new X509Certificate(text) // OpenSSL passes over what is no certificate
    return text
  } catch (error) {
    const kind = what === 'key' ? 'private key' : 'certificate'
    throw new Error(`tls: ${placeOf(pem, what)} contains no valid ${kind}: ${wordsOf(error)}`)
  }
}

const placeOf = (pem: Pem, what: string) => ('file' in pem ? `${what}_file ${pem.file}` : what)

function readPem(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    throw new Error(`tls: ${what}_file ${file} cannot be read: ${messageOf(error)}`)
  }
}
