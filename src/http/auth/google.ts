import { Secret } from '../../util/log.ts'
import type { Access } from '../types.ts'
import type { Credentials } from './credentials.ts'
import { assertionGrant, rsaKey, signed } from './jwt.ts'
import { type Question, tokens } from './token-cache.ts'

/** Tokens of Google, from a credentials file or from the service account of the machine. */
export interface GoogleOptions {
  /** Reads the credentials file, for each token; undefined: use the metadata endpoint. */
  readonly file?: () => GoogleFile
  /** Metadata endpoint of the machine: http://metadata.google.internal/ */
  readonly metadata: URL
  /** Connection options for Google. The metadata endpoint is never requested through a proxy. */
  readonly access: Access
}

/** https://google.aip.dev/auth/4112 and 4113 */
export type GoogleFile = (
  | { readonly kind: 'service_account'; readonly email: string; readonly key: Secret; readonly keyId?: string }
  | { readonly kind: 'authorized_user'; readonly clientId: string; readonly secret: Secret; readonly refresh: Secret }
) & {
  readonly tokenUrl: URL
  /** The project to bill, if the file has `quota_project_id`. */
  readonly quotaProject?: string
}

/** Scope for writing samples: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.location.prometheus.api.v1 */
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
  const extraHeaders = quotaProject === undefined ? {} : { 'x-goog-user-project': quotaProject }
  return { url: tokenUrl, form, secrets, access, extraHeaders }
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
function asUser({ clientId, ...file }: Of<'authorized_user'>) {
  const [secret, refresh] = [file.secret.reveal(), file.refresh.reveal()]
  const form = { grant_type: 'refresh_token', client_id: clientId, client_secret: secret, refresh_token: refresh }
  return { form, secrets: [secret, refresh] }
}

const googleTokens = 'https://oauth2.googleapis.com/token'

/** Checks the JSON of a credentials file. Throws if it is invalid; the message contains no value of the file. */
export function googleFileOf(json: unknown): GoogleFile {
  if (typeof json !== 'object' || json === null) throw new Error('it is not a JSON object')
  const values = new Map(Object.entries(json))
  const kind = values.get('type')
  const text = (key: string) => {
    const value = values.get(key)
    if (typeof value === 'string' && value !== '') return value
    throw new Error(`${key} is missing, a file of type ${kind} requires it`)
  }
  const common = {
    tokenUrl: tokenUrlOf(values.get('token_uri')),
    ...optional('quotaProject', values.get('quota_project_id')),
  }
  if (kind === 'service_account') {
    const key = new Secret(text('private_key'))
    rsaKey(key.reveal())
    return { kind, email: text('client_email'), key, ...optional('keyId', values.get('private_key_id')), ...common }
  }
  if (kind === 'authorized_user') {
    const [secret, refresh] = [new Secret(text('client_secret')), new Secret(text('refresh_token'))]
    return { kind, clientId: text('client_id'), secret, refresh, ...common }
  }
  throw new Error('its type is not supported: expected service_account or authorized_user')
}

function tokenUrlOf(value: unknown): URL {
  const url = URL.parse(typeof value === 'string' ? value : googleTokens)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new Error('its token_uri is not an http:// or https:// URL')
}

const optional = <Key extends string>(key: Key, value: unknown) =>
  (typeof value === 'string' && value !== '' ? { [key]: value } : {}) as { readonly [_ in Key]?: string }
