import type { Credentials } from '../http/credentials.ts'
import type { Headers } from '../http/request.ts'
import { Secret } from '../log.ts'
import { accessOf, type Said } from './access.ts'
import { decoded, textOrFile } from './secrets.ts'
import { headerValue, type TargetShape } from './target-shape.ts'

/** What proves who we are: at most one kind. What a kind needs is loaded only where it is configured. */
export async function credentialsOf(block: TargetShape, url: URL, said: Said): Promise<Credentials | undefined> {
  const { basic_auth: basic, authorization, oauth2, sigv4 } = block
  const inUrl = url.username !== '' || url.password !== ''
  const kinds = Object.entries({ basic_auth: basic, authorization, oauth2, sigv4, 'credentials in the URL': inUrl })
    .filter(([, given]) => given)
    .map(([name]) => name)
  if (kinds.length > 1) said.problems.push(`${said.place}: ${kinds.join(' and ')} cannot be used together; keep one`)
  if (inUrl) return pairOf(new Secret(decoded(url.username)), new Secret(decoded(url.password)))
  if (basic !== undefined) return basicOf(basic, said)
  if (authorization !== undefined) return tokenOf(authorization, said)
  if (oauth2 !== undefined) return oauth2Of(oauth2, said)
  return sigv4 === undefined ? undefined : sigv4Of(block, url, said)
}

type Part<Key extends keyof TargetShape> = NonNullable<TargetShape[Key]>

function basicOf(shape: Part<'basic_auth'>, { place, problems }: Said): Credentials {
  if (Object.keys(shape).length === 0) problems.push(`${place}.basic_auth: username and password are needed`)
  const user = textOrFile([shape.username, shape.username_file], `${place}.basic_auth.username`, problems)
  const password = textOrFile([shape.password, shape.password_file], `${place}.basic_auth.password`, problems)
  return { headersFor: () => basicHeader(user(), password()) }
}

const pairOf = (user: Secret, password: Secret): Credentials => ({ headersFor: () => basicHeader(user, password) })

function basicHeader(user: Secret, password: Secret): Headers {
  return { authorization: `Basic ${Buffer.from(`${user.reveal()}:${password.reveal()}`).toString('base64')}` }
}

function tokenOf({ type = 'Bearer', ...shape }: Part<'authorization'>, { place, problems }: Said): Credentials {
  const at = `${place}.authorization`
  if (type.toLowerCase() === 'basic') problems.push(`${at}.type: for Basic use basic_auth`)
  if (Object.keys(shape).length === 0) problems.push(`${at}: credentials or credentials_file is needed`)
  const token = textOrFile([shape.credentials, shape.credentials_file], `${at}.credentials`, problems)
  if (!headerValue.test(type + (shape.credentials ?? '')))
    problems.push(`${at}: cannot be sent: a header is one line of Latin letters and signs`)
  return { headersFor: () => ({ authorization: `${type} ${token().reveal()}` }) }
}

async function oauth2Of(shape: Part<'oauth2'>, { place, environment, problems }: Said): Promise<Credentials> {
  const at = `${place}.oauth2`
  const secret = [shape.client_secret, shape.client_secret_file] as const
  const tokenUrl = new URL(shape.token_url)
  if (tokenUrl.username !== '' || tokenUrl.password !== '')
    problems.push(`${at}.token_url: holds credentials; use client_id and client_secret`)
  const { oauth2 } = await import('../http/oauth2.ts')
  return oauth2({
    tokenUrl,
    clientId: shape.client_id,
    clientSecret: textOrFile(secret, `${at}.client_secret`, problems),
    scopes: shape.scopes ?? [],
    endpointParams: shape.endpoint_params ?? {},
    access: await accessOf(shape, { place: at, environment, problems }),
  })
}

async function sigv4Of(block: TargetShape, url: URL, said: Said): Promise<Credentials> {
  const { sigv4: shape = {} } = block
  const { place, environment, problems } = said
  const at = `${place}.sigv4`
  const { access_key: access, secret_key: secret, profile, role_arn, external_id } = shape
  if ((access === undefined) !== (secret === undefined)) problems.push(`${at}: access_key and secret_key go together`)
  if (access !== undefined && profile !== undefined)
    problems.push(`${at}: access_key and profile cannot be used together; keep one`)
  if (external_id !== undefined && role_arn === undefined)
    problems.push(`${at}.external_id: is no use without role_arn`)
  const region = shape.region ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'] ?? regionIn(url) ?? ''
  if (region === '') problems.push(`${at}.region: is needed; neither AWS_REGION nor the URL tells it`)
  const { sigv4 } = await import('../http/sigv4.ts')
  return sigv4({
    region,
    service: shape.service ?? 'aps',
    ...(access !== undefined && secret !== undefined && { keys: { access, secret: new Secret(secret) } }),
    ...(profile !== undefined && { profile }),
    ...(role_arn !== undefined && { roleArn: role_arn }),
    ...(external_id !== undefined && { externalId: external_id }),
    endpoints: shape.use_fips_sts_endpoint === true ? 'fips' : 'usual',
    proxy: (await accessOf(block, { ...said, problems: [] })).proxy, // its problems are the endpoint's
  })
}

/** `aps-workspaces.eu-central-1.amazonaws.com` */
const regionIn = ({ hostname }: URL) => /^aps-workspaces[^.]*\.([a-z0-9-]+)\.amazonaws\./.exec(hostname)?.[1]
