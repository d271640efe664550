import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { messageOf, type Secret } from '../../util/log.ts'
import { partsOf, redact } from '../redact.ts'
import type { ForwardProxy, ProxyOptions } from '../transport/proxy.ts'
import type { Headers } from '../types.ts'
import type { Credentials, Unsigned } from './credentials.ts'

/** AWS's signature of a request: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
export interface SigV4Options {
  readonly region: string
  readonly service: string
  readonly keys?: { readonly access: string; readonly secret: Secret }
  /** Of ~/.aws/credentials and ~/.aws/config. */
  readonly profile?: string
  /** A role to take on with those credentials. */
  readonly roleArn?: string
  readonly externalId?: string
  readonly endpoints: 'usual' | 'fips'
  /** Through which AWS is asked for credentials; what the machine itself offers is never asked through one. */
  readonly proxy?: ProxyOptions | undefined
}

/** As AWS's libraries have it. */
interface Identity {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration?: { getTime(): number }
}

type Provider = () => Promise<Identity>

/** Credentials are got anew this long before their end, and those without an end this long after they were got. */
const renewMs = 300_000

/** Signs with the first that is configured: keys, a profile, or what the machine offers; each may take on a role. */
export function sigv4(options: SigV4Options): Credentials {
  let provider: Provider | undefined
  let known: { readonly identity: Identity; readonly untilMs: number } | undefined
  const identityAt = async (nowMs: number) => {
    if (known !== undefined && nowMs < known.untilMs) return known.identity
    provider ??= await providerOf(options)
    const identity = await asked(provider, options)
    known = { identity, untilMs: (identity.expiration?.getTime() ?? nowMs + 2 * renewMs) - renewMs }
    return identity
  }
  return {
    headersFor: async (request) => sign(options, await identityAt(request.clock.now()), request),
    forget() {
      known = undefined
    },
  }
}

async function asked(provider: Provider, { keys, externalId, proxy }: SigV4Options): Promise<Identity> {
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
  if (roleArn === undefined) return own as Provider // fixed keys have returned above
  const params = { RoleArn: roleArn, RoleSessionName: 'hostpush', ...(externalId && { ExternalId: externalId }) }
  return aws.fromTemporaryCredentials({ masterCredentials: own, params, clientConfig })
}

/** Node's own agents, which go through proxies from 24.5 on. */
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

/** Node's, in the form that the library asks for. */
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
  reset(): void {} // each is used once
}

function bytesOf(given: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof given === 'string') return given
  return ArrayBuffer.isView(given)
    ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength)
    : new Uint8Array(given)
}
