import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { Secret } from '../../util/log.ts'
import { wordsOf } from '../transport/error-text.ts'

/** https://www.rfc-editor.org/rfc/rfc7523#section-2.1 */
export const assertionGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

export const signatureAlgorithms = ['RS256', 'RS384', 'RS512'] as const
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number]

interface About {
  readonly algorithm: SignatureAlgorithm | 'PS256'
  readonly nowMs: number
  readonly lifeMs: number
  /** Extra header fields, which identify the key or certificate. */
  readonly header?: Readonly<Record<string, string | string[]>>
}

/** A signed JSON Web Token with these claims, an id and the times. Throws if the key (PEM) is invalid. */
export async function signed(
  claims: Readonly<Record<string, unknown>>,
  key: Secret,
  { algorithm, nowMs, lifeMs, header }: About,
): Promise<string> {
  const { SignJWT } = await import('jose/jwt/sign')
  const seconds = Math.floor(nowMs / 1000)
  const token = new SignJWT({ jti: crypto.randomUUID(), iat: seconds, exp: seconds + lifeMs / 1000, ...claims })
  return token.setProtectedHeader({ alg: algorithm, typ: 'JWT', ...header }).sign(rsaKey(key.reveal()))
}

/** Parses an RSA private key; these algorithms support no other type. Throws without showing the key. */
export function rsaKey(pem: string): KeyObject {
  if (/^(-----BEGIN ENCRYPTED|Proc-Type: .*ENCRYPTED)/m.test(pem))
    throw new Error('the key is encrypted: use a key without a passphrase (openssl pkey -in …)')
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch (error) {
    throw new Error(`it contains no valid private key (PEM): ${wordsOf(error)}`)
  }
  if (key.asymmetricKeyType === 'rsa') return key
  throw new Error(`the key type is ${key.asymmetricKeyType ?? 'unknown'}: an RSA key is required`)
}
