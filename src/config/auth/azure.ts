import { type AzureIdentity, azuread, type Credentials, certificatesIn } from '../../http/index.ts'

import { Secret } from '../../util/log.ts'
import type { BlockContext } from '../context.ts'
import type { TargetShape } from '../schema/target.ts'
import { inFile, textOrFile } from './secrets.ts'
import { proxyOnly } from './tls-and-proxy.ts'

type Shape = NonNullable<TargetShape['azuread']>

/** Entra ID URL and Azure Monitor scope of each cloud. The double slash is part of the scope. */
const clouds = {
  AzurePublic: ['https://login.microsoftonline.com/', 'https://monitor.azure.com//.default'],
  AzureChina: ['https://login.chinacloudapi.cn/', 'https://monitor.azure.cn//.default'],
  AzureGovernment: ['https://login.microsoftonline.us/', 'https://monitor.azure.us//.default'],
} as const

/** Instance metadata service: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service */
const metadata = 'http://169.254.169.254/'

export async function azureOf(shape: Shape, block: TargetShape, outer: BlockContext): Promise<Credentials> {
  const context = { ...outer, place: `${outer.place}.azuread` }
  const kinds = ['managed_identity', 'oauth', 'workload_identity', 'certificate'] as const
  const present = kinds.filter((kind) => shape[kind] !== undefined)
  if (present.length === 0) context.problems.push(`${context.place}: incomplete, expected one of ${kinds.join(', ')}`)
  if (present.length > 1)
    context.problems.push(`${context.place}: ${present.join(' and ')} cannot be used together, keep one`)
  const [login, scope] = clouds[shape.cloud ?? 'AzurePublic']
  return azuread({
    login: new URL(login),
    metadata: new URL(metadata),
    scope: shape.scope ?? scope,
    identity: await identityOf(shape, context),
    access: await proxyOnly(block, context),
  })
}

async function identityOf(
  { oauth, workload_identity: workload, certificate, managed_identity }: Shape,
  context: BlockContext,
): Promise<AzureIdentity> {
  if (oauth !== undefined) return bySecret(oauth, { ...context, place: `${context.place}.oauth` })
  if (workload !== undefined) {
    const { token_file_path: file = '/var/run/secrets/azure/tokens/azure-identity-token' } = workload
    const place = `${context.place}.workload_identity.token_file_path`
    const token = await inFile(file, { ...context, place }, (content) => new Secret(content))
    return { kind: 'federated', ...applicationOf(workload), token }
  }
  if (certificate !== undefined)
    return byCertificate(certificate, { ...context, place: `${context.place}.certificate` })
  const id = managed_identity?.client_id
  return { kind: 'managed', ...(id !== undefined && { clientId: id }) }
}

const applicationOf = ({ client_id, tenant_id }: { readonly client_id: string; readonly tenant_id: string }) => ({
  clientId: client_id,
  tenantId: tenant_id,
})

async function bySecret(oauth: NonNullable<Shape['oauth']>, context: BlockContext): Promise<AzureIdentity> {
  const { client_secret: text, client_secret_file: file } = oauth
  if (text === undefined && file === undefined)
    context.problems.push(`${context.place}.client_secret: required key is missing`)
  const secret = await textOrFile([text, file], { ...context, place: `${context.place}.client_secret` })
  return { kind: 'secret', ...applicationOf(oauth), secret }
}

async function byCertificate(
  shape: NonNullable<Shape['certificate']>,
  { place, files, problems }: BlockContext,
): Promise<AzureIdentity> {
  const { certificate_path: file, certificate_key_path: keyFile } = shape
  const at = { place: `${place}.certificate_path`, files, problems }
  const isChainSent = shape.send_certificate_chain === true
  const whole = (certificates: string, key: string) => {
    const pair = { certificates, key: new Secret(key) }
    certificatesIn(pair)
    return pair
  }
  const common = { kind: 'certificate', ...applicationOf(shape), isChainSent } as const
  if (keyFile === undefined) return { ...common, pem: await inFile(file, at, (content) => whole(content, content)) }
  const keyAt = { place: `${place}.certificate_key_path`, files, problems }
  const key = await inFile(keyFile, keyAt, (content) => content)
  return { ...common, pem: await inFile(file, at, (content) => whole(content, key())) }
}
