import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { messageOf, type Secret } from '../../util/log.ts'
import { partsOf, redact } from '../redact.ts'
import type { ForwardProxy, ProxyOptions } from '../transport/proxy.ts'
import type { Headers } from '../types.ts'
import type { Credentials, Unsigned } from './credentials.ts'

/** Options of AWS's request signature: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
export interface SigV4Options {
  readonly region: string
  readonly service: string
  readonly keys?: { readonly access: string; readonly secret: Secret }
  /** A profile of ~/.aws/credentials and ~/.aws/config. */
  readonly profile?: string
  /** Role to assume with those credentials. */
  readonly roleArn?: string
  readonly externalId?: string
  readonly endpoints: 'usual' | 'fips'
  /** Proxy for requests of credentials to AWS. The metadata endpoint is never requested through a proxy. */
  readonly proxy?: ProxyOptions | undefined
}

/** Credentials in the shape of AWS's libraries. */
interface Identity {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration?: { getTime(): number }
}

type Provider = () => Promise<Identity>

/** Credentials are renewed this long before they expire; those without an expiry, this long after they were fetched. */
const renewMs = 300_000

/** Signs with the first configured source: keys, a profile, or the machine's credentials; each can assume a role. */
export function sigv4(options: SigV4Options): Credentials {
  let provider: Provider | undefined
  let cached: { readonly identity: Identity; readonly untilMs: number } | undefined
  const identityAt = async (nowMs: number) => {
    if (cached !== undefined && nowMs < cached.untilMs) return cached.identity
    provider ??= await providerOf(options)
    const identity = await identityOf(provider, options)
    cached = { identity, untilMs: (identity.expiration?.getTime() ?? nowMs + 2 * renewMs) - renewMs }
    return identity
  }
  return {
    headersFor: async (request) => sign(options, await identityAt(request.clock.now()), request),
    forget() {
      cached = undefined
    },
  }
}

async function identityOf(provider: Provider, { keys, externalId, proxy }: SigV4Options): Promise<Identity> {
  try {
    return await provider()
  } catch (error) {
    const secrets = [
      keys?.access,
      keys?.secret.reveal(),
      externalId,
      ...(proxy === undefined ? [] : passwordsOf(proxy)),
    ]
    const shown = secrets.filter((one) => one !== undefined && one.length > 3) as readonly string[]
    throw new Error(`sigv4: no credentials: ${redact(messageOf(error), shown)}`)
  }
}

async function providerOf(options: SigV4Options): Promise<Provider> {
  const { keys, profile, region, roleArn, externalId, endpoints, proxy } = options
  const fixed = keys && { accessKeyId: keys.access, secretAccessKey: keys.secret.reveal() }
  if (fixed !== undefined && roleArn === undefined) return async () => fixed
  const aws = await import('@aws-sdk/credential-providers')
  const clientConfig = {
    region,
    useFipsEndpoint: endpoints === 'fips',
    ...(proxy && { requestHandler: await agentsThrough(proxy) }),
  }
  const own =
    fixed ??
    (profile === undefined
      ? aws.fromNodeProviderChain({ clientConfig, maxRetries: 2 })
      : aws.fromIni({ profile, clientConfig, ignoreCache: true }))
  if (roleArn === undefined) return own as Provider // fixed keys without a role returned above
  const params = { RoleArn: roleArn, RoleSessionName: 'hostpush', ...(externalId && { ExternalId: externalId }) }
  return aws.fromTemporaryCredentials({ masterCredentials: own, params, clientConfig })
}

/** Node's own agents, which support proxies since 24.5. */
async function agentsThrough({ http, https, none }: ProxyOptions) {
  const [{ Agent: HttpAgent }, { Agent: HttpsAgent }] = await Promise.all([import('node:http'), import('node:https')])
  const proxyEnv = {
    ...(http && { HTTP_PROXY: withCredentials(http) }),
    ...(https && { HTTPS_PROXY: withCredentials(https) }),
    NO_PROXY: none ?? '',
  }
  return { httpAgent: new HttpAgent({ proxyEnv }), httpsAgent: new HttpsAgent({ proxyEnv }) }
}

const passwordsOf = ({ http, https }: ProxyOptions): readonly string[] =>
  [http, https].flatMap((one) => (one?.authorization === undefined ? [] : partsOf(one.authorization.reveal())))

function withCredentials({ url, authorization }: ForwardProxy): string {
  const [, encoded = ''] = /^Basic (.+)$/.exec(authorization?.reveal() ?? '') ?? []
  const [, user = '', password = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  const full = new URL(url)
  full.username = encodeURIComponent(user)
  full.password = encodeURIComponent(password)
  return full.href
}

async function sign(
  { region, service }: SigV4Options,
  { expiration: _, ...credentials }: Identity,
  { method, url, body, clock }: Unsigned,
): Promise<Headers> {
  const { SignatureV4 } = await import('@smithy/signature-v4')
  const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 })
  const request = {
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: queryOf(url),
    headers: { host: url.host },
    body,
  }
  const { headers } = await signer.sign(request, { signingDate: clock.now() / 1000 })
  const { host: _host, ...signature } = headers
  return signature
}

function queryOf({ searchParams }: URL): Record<string, string[]> {
  return Object.fromEntries([...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name)]))
}

/** Node's SHA-256 in the interface that the library requires. */
class Sha256 {
  readonly #hash: Hash | Hmac
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(chunk: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(chunk))
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {} // never reused
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === 'string') return data
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}
