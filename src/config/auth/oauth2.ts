import { type Credentials, type OAuth2Options, oauth2 } from '../../http/index.ts'

import { messageOf, Secret } from '../../util/log.ts'
import type { BlockContext } from '../context.ts'
import { jwtBearer } from '../schema/auth.ts'
import type { TargetShape } from '../schema/target.ts'
import { inFile, onlyOne, textOrFile } from './secrets.ts'
import { accessOf } from './tls-and-proxy.ts'

type Shape = NonNullable<TargetShape['oauth2']>

export async function oauth2Of(shape: Shape, outer: BlockContext): Promise<Credentials> {
  const context = { ...outer, place: `${outer.place}.oauth2` }
  const tokenUrl = new URL(shape.token_url)
  if (tokenUrl.username !== '' || tokenUrl.password !== '')
    context.problems.push(`${context.place}.token_url: contains credentials, use client_id and client_secret`)
  const isByKey = shape.grant_type === jwtBearer
  const idle = isByKey ? ofSecret : ofKey
  for (const key of idle.filter((one) => shape[one] !== undefined))
    context.warnings.push(`${context.place}.${key}: has no effect with this grant_type`)
  return oauth2({
    tokenUrl,
    clientId: shape.client_id,
    proof: await (isByKey ? byKey(shape, context) : bySecret(shape, context)),
    scopes: shape.scopes ?? [],
    endpointParams: shape.endpoint_params ?? {},
    access: await accessOf(shape, context),
  })
}

const ofSecret = ['client_secret', 'client_secret_file'] as const
const ofKey = [
  ...(['client_certificate_key', 'client_certificate_key_file', 'client_certificate_key_id'] as const),
  ...(['signature_algorithm', 'audience', 'iss', 'claims'] as const),
] as const

async function bySecret(shape: Shape, context: BlockContext): Promise<OAuth2Options['proof']> {
  const { client_secret: text, client_secret_file: file, tls_config: tls } = shape
  if (text === undefined && file === undefined && !tls?.cert_file)
    context.warnings.push(`${context.place}: no client_secret or client_secret_file is set`)
  const secret = await textOrFile([text, file], { ...context, place: `${context.place}.client_secret` })
  return { grant: 'client_credentials', secret }
}

async function byKey(shape: Shape, context: BlockContext): Promise<OAuth2Options['proof']> {
  const { client_certificate_key_id: keyId, iss, audience } = shape
  return {
    grant: 'jwt-bearer',
    key: await keyOf(shape, { ...context, place: `${context.place}.client_certificate_key` }),
    ...(keyId !== undefined && { keyId }),
    algorithm: shape.signature_algorithm ?? 'RS256',
    ...(iss !== undefined && { issuer: iss }),
    ...(audience !== undefined && { audience }),
    claims: shape.claims ?? {},
  }
}

async function keyOf(shape: Shape, { place, files, problems }: BlockContext): Promise<() => Secret> {
  const { client_certificate_key: text, client_certificate_key_file: file } = shape
  const { rsaKey } = await import('../../http/index.ts')
  onlyOne([text, file], place, problems)
  const usable = (content: string) => {
    rsaKey(content)
    return new Secret(content)
  }
  if (file !== undefined) return inFile(file, { place: `${place}_file`, files, problems }, usable)
  const key = new Secret(text ?? '')
  try {
    if (text === undefined)
      throw new Error(`required key is missing, this grant_type needs it or ${place.split('.').at(-1)}_file`)
    usable(text)
  } catch (error) {
    problems.push(`${place}: ${messageOf(error)}`)
  }
  return () => key
}
