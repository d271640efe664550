import { Secret } from '../../util/log.ts'
import type { Access } from '../types.ts'
import type { Credentials } from './credentials.ts'
import { assertionGrant, rsaKey, signed } from './jwt.ts'
import { type Question, tokens } from './token-cache.ts'

/** Tokens of Google: of a file of credentials, or of the machine's own service account. */
export interface GoogleOptions {
  /** What the file holds, read for each token; undefined where the machine is asked. */
  readonly file?: () => GoogleFile
  /** http://metadata.google.internal/ */
  readonly metadata: URL
  /** How Google is reached; what the machine itself offers is never asked through a proxy. */
  readonly access: Access
}

/** https://google.aip.dev/auth/4112 and 4113 */
export type GoogleFile = (
  | { readonly kind: 'service_account'; readonly email: string; readonly key: Secret; readonly keyId?: string }
  | { readonly kind: 'authorized_user'; readonly clientId: string; readonly secret: Secret; readonly refresh: Secret }
) & {
  readonly tokenUrl: URL
  /** The project that pays, where the file says it. */
  readonly quotaProject?: string
}

/** What writing samples takes: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.location.prometheus.api.v1 */
const scope = 'https://www.googleapis.com/auth/monitoring.write'

export function googleIam({ file, metadata, access }: GoogleOptions): Credentials {
  return tokens('google_iam', [(nowMs) => (file === undefined ? machine(metadata) : byFile(file(), access, nowMs))])
}

/** https://cloud.google.com/compute/docs/access/authenticate-workloads */
function machine(metadata: URL): Question {
  const url = new URL('/computeMetadata/v1/instance/service-accounts/default/token', metadata)
  url.searchParams.set('scopes', scope)
  return { url, headers: { 'metadata-flavor': 'Google' }, secrets: [], access: {} }
}

async function byFile(file: GoogleFile, access: Access, nowMs: number): Promise<Question> {
  const { tokenUrl, quotaProject } = file
  const { form, secrets } = file.kind === 'service_account' ? await asAccount(file, nowMs) : asUser(file)
  const beside = quotaProject === undefined ? {} : { 'x-goog-user-project': quotaProject }
  return { url: tokenUrl, form, secrets, access, beside }
}

type Of<Kind> = Extract<GoogleFile, { kind: Kind }>

/** https://developers.google.com/identity/protocols/oauth2/service-account#httprest */
async function asAccount({ email, key, keyId, tokenUrl }: Of<'service_account'>, nowMs: number) {
  const about = {
    algorithm: 'RS256',
    nowMs,
    lifeMs: 3_600_000,
    ...(keyId !== undefined && { header: { kid: keyId } }),
  } as const
  const assertion = await signed({ iss: email, scope, aud: tokenUrl.href }, key, about)
  return { form: { grant_type: assertionGrant, assertion }, secrets: [assertion] }
}

/** https://www.rfc-editor.org/rfc/rfc6749#section-6 */
function asUser({ clientId, ...held }: Of<'authorized_user'>) {
  const [secret, refresh] = [held.secret.reveal(), held.refresh.reveal()]
  const form = { grant_type: 'refresh_token', client_id: clientId, client_secret: secret, refresh_token: refresh }
  return { form, secrets: [secret, refresh] }
}

const googleTokens = 'https://oauth2.googleapis.com/token'

/** Reads what such a file holds. Throws in words without any of it where it cannot be used. */
export function googleFileOf(held: unknown): GoogleFile {
  if (typeof held !== 'object' || held === null) throw new Error('it is not a JSON object')
  const known = new Map(Object.entries(held))
  const kind = known.get('type')
  const text = (key: string) => {
    const value = known.get(key)
    if (typeof value === 'string' && value !== '') return value
    throw new Error(`${key} is missing, a file of type ${kind} requires it`)
  }
  const common = {
    tokenUrl: tokenUrlOf(known.get('token_uri')),
    ...optional('quotaProject', known.get('quota_project_id')),
  }
  if (kind === 'service_account') {
    const key = new Secret(text('private_key'))
    rsaKey(key.reveal())
    return { kind, email: text('client_email'), key, ...optional('keyId', known.get('private_key_id')), ...common }
  }
  if (kind === 'authorized_user') {
    const [secret, refresh] = [new Secret(text('client_secret')), new Secret(text('refresh_token'))]
    return { kind, clientId: text('client_id'), secret, refresh, ...common }
  }
  throw new Error('its type is not supported: expected service_account or authorized_user')
}

function tokenUrlOf(said: unknown): URL {
  const url = URL.parse(typeof said === 'string' ? said : googleTokens)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new Error('its token_uri is not an http:// or https:// URL')
}

const optional = <Key extends string>(key: Key, value: unknown) =>
  (typeof value === 'string' && value !== '' ? { [key]: value } : {}) as { readonly [_ in Key]?: string }
