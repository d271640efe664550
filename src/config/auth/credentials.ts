import type { Credentials, Headers } from '../../http/index.ts'

import { Secret } from '../../util/log.ts'
import type { BlockContext } from '../context.ts'
import { headerValue, type TargetShape, unsendable } from '../schema/target.ts'
import { decoded, textOrFile } from './secrets.ts'
import { proxyOnly } from './tls-and-proxy.ts'

const isInUrl = ({ username, password }: URL) => username !== '' || password !== ''
const hasBearer = ({ bearer_token, bearer_token_file }: TargetShape) =>
  bearer_token !== undefined || bearer_token_file !== undefined

/** The kinds of credentials in a block, by key. */
export function credentialKinds(block: TargetShape, url: URL): readonly string[] {
  const all = {
    basic_auth: block.basic_auth,
    authorization: block.authorization,
    bearer_token: hasBearer(block),
    oauth2: block.oauth2,
    sigv4: block.sigv4,
    azuread: block.azuread,
    google_iam: block.google_iam,
    'credentials in the URL': isInUrl(url),
  }
  return Object.entries(all).flatMap(([name, given]) => (given ? [name] : []))
}

/** The credentials of a block: at most one kind. The code of a kind is loaded only if it is configured. */
export async function credentialsOf(
  block: TargetShape,
  url: URL,
  context: BlockContext,
): Promise<Credentials | undefined> {
  const { basic_auth: basic, authorization, oauth2, sigv4, azuread, google_iam } = block
  const { bearer_token: bearer, bearer_token_file: file } = block
  const kinds = credentialKinds(block, url)
  if (kinds.length > 1)
    context.problems.push(`${context.place}: ${kinds.join(' and ')} cannot be used together, keep one`)
  if (isInUrl(url)) return pairOf(new Secret(decoded(url.username)), new Secret(decoded(url.password)))
  if (basic !== undefined) return basicOf(basic, context)
  if (authorization !== undefined) return authorizationOf(authorization, context)
  if (hasBearer(block)) return tokenOf('Bearer', [bearer, file], { ...context, place: `${context.place}.bearer_token` })
  if (oauth2 !== undefined) return (await import('./oauth2.ts')).oauth2Of(oauth2, context)
  if (azuread !== undefined) return (await import('./azure.ts')).azureOf(azuread, block, context)
  if (google_iam !== undefined) return (await import('./google.ts')).googleOf(google_iam, block, context)
  return sigv4 === undefined ? undefined : sigv4Of(block, url, context)
}

type Part<Key extends keyof TargetShape> = NonNullable<TargetShape[Key]>

async function basicOf(shape: Part<'basic_auth'>, context: BlockContext): Promise<Credentials> {
  const at = `${context.place}.basic_auth`
  if (Object.keys(shape).length === 0) context.problems.push(`${at}: incomplete, expected username and password`)
  const user = await textOrFile([shape.username, shape.username_file], { ...context, place: `${at}.username` }, colon)
  const password = await textOrFile([shape.password, shape.password_file], { ...context, place: `${at}.password` })
  return { headersFor: () => basicHeader(user(), password()) }
}

/** https://www.rfc-editor.org/rfc/rfc7617#section-2 */
const colon = (user: string) => (user.includes(':') ? 'contains a colon, which a user name cannot contain' : undefined)

const pairOf = (user: Secret, password: Secret): Credentials => ({ headersFor: () => basicHeader(user, password) })

function basicHeader(user: Secret, password: Secret): Headers {
  return { authorization: `Basic ${Buffer.from(`${user.reveal()}:${password.reveal()}`).toString('base64')}` }
}

async function authorizationOf(
  { type = 'Bearer', ...shape }: Part<'authorization'>,
  context: BlockContext,
): Promise<Credentials> {
  const at = `${context.place}.authorization`
  if (type.toLowerCase() === 'basic') context.problems.push(`${at}.type: Basic is not supported here, use basic_auth`)
  if (!headerValue.test(type)) context.problems.push(`${at}.type: ${unsendable}`)
  if (Object.keys(shape).length === 0)
    context.problems.push(`${at}: incomplete, expected credentials or credentials_file`)
  return tokenOf(type, [shape.credentials, shape.credentials_file], { ...context, place: `${at}.credentials` })
}

async function tokenOf(
  type: string,
  given: Parameters<typeof textOrFile>[0],
  context: BlockContext,
): Promise<Credentials> {
  const token = await textOrFile(given, context, (text) => {
    if (text === '') return 'is empty'
    if (text.toLowerCase().startsWith(`${type.toLowerCase()} `))
      return `begins with ${type}, remove it: hostpush sends it before the token`
    return headerValue.test(text) ? undefined : unsendable
  })
  return { headersFor: () => ({ authorization: `${type} ${token().reveal()}` }) }
}

async function sigv4Of(block: TargetShape, url: URL, context: BlockContext): Promise<Credentials> {
  const { sigv4: shape = {} } = block
  const { place, environment, problems } = context
  const at = `${place}.sigv4`
  const { access_key: access, secret_key: secret, profile, role_arn, external_id } = shape
  if ((access === undefined) !== (secret === undefined))
    problems.push(`${at}: incomplete, expected both access_key and secret_key`)
  if (access !== undefined && profile !== undefined)
    problems.push(`${at}: access_key and profile cannot be used together, keep one`)
  if (external_id !== undefined && role_arn === undefined)
    problems.push(`${at}.external_id: has no effect without role_arn`)
  const region = shape.region ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'] ?? regionIn(url) ?? ''
  if (region === '')
    problems.push(`${at}.region: required key is missing (AWS_REGION is not set, and the URL contains no region)`)
  const { sigv4 } = await import('../../http/index.ts')
  return sigv4({
    region,
    service: shape.service_name ?? 'aps',
    ...(access !== undefined && secret !== undefined && { keys: { access, secret: new Secret(secret) } }),
    ...(profile !== undefined && { profile }),
    ...(role_arn !== undefined && { roleArn: role_arn }),
    ...(external_id !== undefined && { externalId: external_id }),
    endpoints: shape.use_fips_sts_endpoint === true ? 'fips' : 'usual',
    proxy: (await proxyOnly(block, context)).proxy,
  })
}

/** `aps-workspaces.eu-central-1.amazonaws.com` */
const regionIn = ({ hostname }: URL) => /^aps-workspaces[^.]*\.([a-z0-9-]+)\.amazonaws\./.exec(hostname)?.[1]
