import type { Secret } from '../../util/log.ts'
import { partsOf } from '../redact.ts'
import type { Access } from '../types.ts'
import type { Credentials } from './credentials.ts'
import { assertionGrant, type SignatureAlgorithm, signed } from './jwt.ts'
import { tokens, type Way } from './token-cache.ts'

/** The two grants for programs: https://www.rfc-editor.org/rfc/rfc6749#section-4.4, https://www.rfc-editor.org/rfc/rfc7523 */
export interface OAuth2Options {
  readonly tokenUrl: URL
  readonly clientId: string
  /** How the client authenticates. */
  readonly proof: ClientSecret | ClientKey
  readonly scopes: readonly string[]
  readonly endpointParams: Readonly<Record<string, string>>
  readonly access: Access
}

interface ClientSecret {
  readonly grant: 'client_credentials'
  /** Read for each token, because it may be in a file. */
  readonly secret: () => Secret
}

interface ClientKey {
  readonly grant: 'jwt-bearer'
  /** PEM. Read for each token, because it may be in a file. */
  readonly key: () => Secret
  readonly keyId?: string
  readonly algorithm: SignatureAlgorithm
  /** Default: the client id. */
  readonly issuer?: string
  /** Default: the URL of the token endpoint. */
  readonly audience?: string
  readonly claims: Readonly<Record<string, unknown>>
}

export function oauth2(options: OAuth2Options): Credentials {
  const { proof } = options
  if (proof.grant === 'jwt-bearer') return tokens('oauth2', [byKey(options, proof)])
  return tokens('oauth2', bySecret(options, proof))
}

/** Credentials in the header, which RFC 6749 requires all servers to support, then in the form: some servers support only that. */
function bySecret(options: OAuth2Options, { secret }: ClientSecret): readonly Way[] {
  const { clientId, scopes, endpointParams } = options
  const scope = scopes.length > 0 && { scope: scopes.join(' ') }
  const form = { grant_type: 'client_credentials', ...scope, ...endpointParams }
  const inHeader: Way = () => {
    const pair = basic(clientId, secret().reveal())
    return { ...common(options, partsOf(pair)), headers: { authorization: pair }, form }
  }
  const inForm: Way = () => {
    const client_secret = secret().reveal()
    return { ...common(options, [client_secret]), form: { ...form, client_id: clientId, client_secret } }
  }
  return [inHeader, inForm]
}

/** https://www.rfc-editor.org/rfc/rfc7523#section-2.1; scopes become a claim, as in Prometheus. */
function byKey(options: OAuth2Options, { key, keyId, algorithm, claims, ...proof }: ClientKey): Way {
  const { clientId, tokenUrl, scopes, endpointParams } = options
  const { issuer = clientId, audience = tokenUrl.href } = proof
  return async (nowMs) => {
    const about = { algorithm, nowMs, lifeMs: 600_000, ...(keyId !== undefined && { header: { kid: keyId } }) }
    const scope = scopes.length > 0 && { scope: scopes.join(' ') }
    const all = { sub: clientId, ...claims, ...scope, iss: issuer, aud: audience }
    const assertion = await signed(all, key(), about)
    return { ...common(options, [assertion]), form: { grant_type: assertionGrant, assertion, ...endpointParams } }
  }
}

const common = ({ tokenUrl, access, endpointParams }: OAuth2Options, secrets: readonly string[]) => ({
  url: tokenUrl,
  access,
  secrets: [...secrets, ...Object.values(endpointParams)],
})

/** Both values are form-encoded first: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1 */
function basic(clientId: string, secret: string): string {
  const asForm = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  return `Basic ${Buffer.from(`${asForm(clientId)}:${asForm(secret)}`).toString('base64')}`
}
