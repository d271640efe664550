import type { ConnectionOptions, SecureContext, SecureContextOptions } from 'node:tls'
import { messageOf, type Secret } from '../../util/log.ts'
import { wordsOf } from './error-text.ts'

/** PEM text, or the file that contains it. */
export type Pem = { readonly text: Secret } | PemFile

export interface PemFile {
  readonly file: string
  /** The current text: the same string until the file has changed. */
  readonly read: () => string
  /** Called with the reason why a changed text is not used; undefined if it is. */
  readonly report?: (fault: string | undefined) => void
}

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
  #texts: Texts = {}
  #contexts: Readonly<Record<Party, SecureContext>> | undefined

  constructor(options: TlsOptions) {
    this.#options = options
  }

  /**
   * Uses changed files; returns whether any has changed. Throws if a certificate or key is invalid and there is no earlier
   * valid one.
   */
  refresh(): boolean {
    const hasContexts = this.#contexts !== undefined
    try {
      const texts = textsOf(this.#options)
      if (hasContexts && parts.every((part) => texts[part] === this.#texts[part])) return this.#settled(false)
      checkAll(this.#options, texts)
      this.#contexts = this.#contextsOf(texts)
      this.#texts = texts
      return this.#settled(true)
    } catch (error) {
      if (!hasContexts) throw error
      this.#report(messageOf(error)) // for example a new certificate before its key is written
      return false
    }
  }

  #settled(isNew: boolean): boolean {
    this.#report(undefined)
    return isNew
  }

  #report(fault: string | undefined): void {
    const { ca, cert, key } = this.#options
    for (const pem of [key ?? cert ?? ca]) if (pem !== undefined && 'file' in pem) pem.report?.(fault)
  }

  #contextsOf({ ca, cert, key }: Texts): Readonly<Record<Party, SecureContext>> {
    const { minVersion, maxVersion } = this.#options
    const common = {
      ...(ca && { ca }),
      ...(minVersion && { minVersion: versions[minVersion] }),
      ...(maxVersion && { maxVersion: versions[maxVersion] }),
      ...(isOld(minVersion) && { ciphers: 'DEFAULT@SECLEVEL=0' }),
    }
    const own = { ...(cert && { cert }), ...(key && { key }) }
    const other = contextOf(common)
    return { own: cert === undefined ? other : contextOf({ ...common, ...own }), other }
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

const parts = ['ca', 'cert', 'key'] as const
type Part = (typeof parts)[number]
type Texts = Readonly<Partial<Record<Part, string>>>

/** The current texts. */
function textsOf(options: TlsOptions): Texts {
  const texts: Partial<Record<Part, string>> = {}
  for (const part of parts) {
    const pem = options[part]
    if (pem !== undefined) texts[part] = 'text' in pem ? pem.text.reveal() : pem.read()
  }
  return texts
}

/** Checks each text separately, so that an error names the invalid one. */
function checkAll(options: TlsOptions, texts: Texts): void {
  for (const part of parts) {
    const pem = options[part]
    if (pem !== undefined) checkPem(texts[part] ?? '', part, placeOf(pem, part))
  }
  const { cert, key } = options
  if (cert === undefined || key === undefined) return
  const { X509Certificate, createPrivateKey } = process.getBuiltinModule('node:crypto')
  const isPair = new X509Certificate(texts.cert ?? '').checkPrivateKey(createPrivateKey(texts.key ?? ''))
  if (!isPair) throw new Error(`tls: ${placeOf(key, 'key')} does not match ${placeOf(cert, 'cert')}`)
}

/** Throws if a text is not a certificate or a key. */
export function checkPem(text: string, part: Part, place: string): void {
  if (!text.includes('-----BEGIN ')) throw new Error(`tls: ${place} contains no PEM data`)
  if (part === 'key' && isEncrypted.test(text))
    throw new Error(`tls: ${place} is encrypted: use a key without a passphrase (openssl pkey -in …)`)
  const { X509Certificate, createPrivateKey } = process.getBuiltinModule('node:crypto')
  try {
    if (part === 'key') createPrivateKey(text)
    else new X509Certificate(text) // OpenSSL ignores text that is not a certificate
  } catch (error) {
    const kind = part === 'key' ? 'private key' : 'certificate'
    throw new Error(`tls: ${place} contains no valid ${kind}: ${wordsOf(error)}`)
  }
}

const placeOf = (pem: Pem, what: string) => ('file' in pem ? `${what}_file ${pem.file}` : what)
