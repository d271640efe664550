import { type AzureIdentity, azuread, type Credentials, certificatesIn } from '../../http/index.ts'

import { Secret } from '../../util/log.ts'
import type { BlockContext } from '../context.ts'
import type { TargetShape } from '../schema/target.ts'
import { inFile, textOrFile } from './secrets.ts'
import { proxyOnly } from './tls-and-proxy.ts'

type Shape = NonNullable<TargetShape['azuread']>

/** Of each cloud where Entra ID is, and what Azure Monitor is called there: the two strokes are Microsoft's. */
const clouds = {
  AzurePublic: ['https://login.microsoftonline.com/', 'https://monitor.azure.com//.default'],
  AzureChina: ['https://login.chinacloudapi.cn/', 'https://monitor.azure.cn//.default'],
  AzureGovernment: ['https://login.microsoftonline.us/', 'https://monitor.azure.us//.default'],
} as const

/** The machine's own: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service */
const metadata = 'http://169.254.169.254/'

export async function azureOf(shape: Shape, block: TargetShape, outer: BlockContext): Promise<Credentials> {
  const context = { ...outer, place: `${outer.place}.azuread` }
  const kinds = ['managed_identity', 'oauth', 'workload_identity', 'certificate'] as const
  const given = kinds.filter((kind) => shape[kind] !== undefined)
  if (given.length === 0) context.problems.push(`${context.place}: one of ${kinds.join(', ')} is needed`)
  if (given.length > 1)
    context.problems.push(`${context.place}: ${given.join(' and ')} cannot be used together; keep one`)
  const [login, scope] = clouds[shape.cloud ?? 'AzurePublic']
  return azuread({
    login: new URL(login),
    metadata: new URL(metadata),
    scope: shape.scope ?? scope,
    identity: identityOf(shape, context),
    access: await proxyOnly(block, context),
  })
}

function identityOf(
  { oauth, workload_identity: workload, certificate, managed_identity }: Shape,
  context: BlockContext,
): AzureIdentity {
  if (oauth !== undefined) return bySecret(oauth, { ...context, place: `${context.place}.oauth` })
  if (workload !== undefined) {
    const { token_file_path: file = '/var/run/secrets/azure/tokens/azure-identity-token' } = workload
    const place = `${context.place}.workload_identity.token_file_path`
    const token = inFile(file, { ...context, place }, (held) => new Secret(held))
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

function bySecret(oauth: NonNullable<Shape['oauth']>, context: BlockContext): AzureIdentity {
  const { client_secret: text, client_secret_file: file } = oauth
  if (text === undefined && file === undefined) context.problems.push(`${context.place}.client_secret: is missing`)
  const secret = textOrFile([text, file], { ...context, place: `${context.place}.client_secret` })
  return { kind: 'secret', ...applicationOf(oauth), secret }
}

function byCertificate(shape: NonNullable<Shape['certificate']>, { place, problems }: BlockContext): AzureIdentity {
  const { certificate_path: file, certificate_key_path: keyFile } = shape
  const at = { place: `${place}.certificate_path`, problems }
  const isChainSent = shape.send_certificate_chain === true
  const whole = (certificates: string, key: string) => {
    const pair = { certificates, key: new Secret(key) }
    certificatesIn(pair)
    return pair
  }
  const common = { kind: 'certificate', ...applicationOf(shape), isChainSent } as const
  if (keyFile === undefined) return { ...common, pem: inFile(file, at, (held) => whole(held, held)) }
  const key = inFile(keyFile, { place: `${place}.certificate_key_path`, problems }, (held) => held)
  return { ...common, pem: inFile(file, at, (held) => whole(held, key())) }
}
