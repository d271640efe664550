import { createHash, X509Certificate } from 'node:crypto'
import type { Secret } from '../../util/log.ts'
import type { Access } from '../types.ts'
import type { Credentials } from './credentials.ts'
import { rsaKey, signed } from './jwt.ts'
import { type Question, tokens, type Way } from './token-cache.ts'

/** Tokens of Microsoft Entra ID, for an application or a managed identity. */
export interface AzureOptions {
  /** Login endpoint, usually https://login.microsoftonline.com/ */
  readonly login: URL
  /** Metadata endpoint of the machine: http://169.254.169.254/ */
  readonly metadata: URL
  readonly scope: string
  readonly identity: AzureIdentity
  /** Connection options for Entra ID. The metadata endpoint is never requested through a proxy. */
  readonly access: Access
}

interface Application {
  readonly clientId: string
  readonly tenantId: string
}

/** Secrets and files are read again for each token. */
export type AzureIdentity =
  | ({ readonly kind: 'secret'; readonly secret: () => Secret } & Application)
  | ({ readonly kind: 'certificate'; readonly pem: () => Pair; readonly isChainSent: boolean } & Application)
  | ({ readonly kind: 'federated'; readonly token: () => Secret } & Application)
  | { readonly kind: 'managed'; readonly clientId?: string }

/** Certificates and private key, PEM. */
export interface Pair {
  readonly certificates: string
  readonly key: Secret
}

export function azuread(options: AzureOptions): Credentials {
  return tokens('azuread', [wayOf(options)])
}

function wayOf(options: AzureOptions): Way {
  const { identity } = options
  switch (identity.kind) {
    case 'managed':
      return () => machine(options, identity.clientId)
    case 'secret':
      return () => {
        const secret = identity.secret().reveal()
        return application(options, identity, { client_secret: secret }, secret)
      }
    case 'federated':
      return () => asserted(options, identity, identity.token().reveal())
    case 'certificate':
      return async (nowMs) => {
        const { pem, isChainSent } = identity
        const assertion = await byCertificate(tokenUrl(options, identity), identity.clientId, {
          pem: pem(),
          isChainSent,
          nowMs,
        })
        return asserted(options, identity, assertion)
      }
  }
}

/** https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token */
function machine({ metadata, scope }: AzureOptions, clientId: string | undefined): Question {
  const url = new URL('/metadata/identity/oauth2/token', metadata)
  url.searchParams.set('api-version', '2018-02-01')
  url.searchParams.set('resource', scope.replace(/\/\.default$/, ''))
  if (clientId !== undefined) url.searchParams.set('client_id', clientId)
  return { url, headers: { metadata: 'true' }, secrets: [], access: {} }
}

/** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
function application(
  options: AzureOptions,
  of: Application,
  proof: Readonly<Record<string, string>>,
  secret: string,
): Question {
  const form = { grant_type: 'client_credentials', client_id: of.clientId, scope: options.scope, ...proof }
  return { url: tokenUrl(options, of), form, secrets: [secret], access: options.access }
}

const asserted = (options: AzureOptions, of: Application, assertion: string) =>
  application(options, of, { client_assertion_type: assertionType, client_assertion: assertion }, assertion)

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const tokenUrl = ({ login }: AzureOptions, { tenantId }: Application) =>
  new URL(`/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`, login)

/** https://learn.microsoft.com/entra/identity-platform/certificate-credentials */
async function byCertificate(
  audience: URL,
  clientId: string,
  { pem, isChainSent, nowMs }: { readonly pem: Pair; readonly isChainSent: boolean; readonly nowMs: number },
): Promise<string> {
  const [own, ...others] = certificatesIn(pem)
  const chain = [own, ...others].map(({ raw }) => raw.toString('base64'))
  const header = {
    'x5t#S256': createHash('sha256').update(own.raw).digest('base64url'),
    ...(isChainSent && { x5c: chain }),
  }
  const claims = { iss: clientId, sub: clientId, aud: audience.href, nbf: Math.floor(nowMs / 1000) }
  return signed(claims, pem.key, { algorithm: 'PS256', nowMs, lifeMs: 600_000, header })
}

/** All certificates of the PEM text, the one that matches the key first. Throws if none matches. */
export function certificatesIn({ certificates, key }: Pair): readonly [X509Certificate, ...X509Certificate[]] {
  const texts = certificates.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  const all = texts.map((text) => new X509Certificate(text))
  if (all.length === 0) throw new Error('it contains no certificate (PEM)')
  const privateKey = rsaKey(key.reveal())
  const own = all.find((one) => one.checkPrivateKey(privateKey))
  if (own === undefined) throw new Error('the key matches no certificate')
  return [own, ...all.filter((one) => one !== own)]
}
