import { statSync } from 'node:fs'
import type { Access, ForwardProxy, Pem, ProxyOptions, TlsOptions } from '../../http/index.ts'

import { messageOf, Secret } from '../../util/log.ts'
import type { BlockContext } from '../context.ts'
import type { AccessShape } from '../schema/access.ts'
import { decoded, onlyOne } from './secrets.ts'

/** TLS and proxy of a block. What TLS needs is read once now where it was configured, so that a wrong file is said. */
export async function accessOf(block: AccessShape, context: BlockContext): Promise<Access> {
  const tls = tlsOf(block.tls_config ?? {}, context)
  const proxy = proxyOf(block, context)
  if (block.tls_config !== undefined) {
    const { Trust } = await import('../../http/index.ts')
    try {
      new Trust(tls).refresh()
    } catch (error) {
      context.problems.push(`${context.place}.tls_config: ${messageOf(error)}`)
    }
  }
  return { tls, ...(proxy && { proxy }) }
}

/** How a third party is reached that gives out credentials for a block: through its proxy, with TLS as the host has it. */
export function proxyOnly({ tls_config: _, ...block }: AccessShape, context: BlockContext): Promise<Access> {
  return accessOf(block, { ...context, problems: [] }) // its problems are the endpoint's
}

type TlsShape = NonNullable<AccessShape['tls_config']>

function tlsOf(shape: TlsShape, { place, problems, environment }: BlockContext): TlsOptions {
  const at = `${place}.tls_config`
  const { cert_file, key_file, server_name, min_version, max_version } = shape
  const cert = pemOf([shape.cert, cert_file], `${at}.cert`, problems)
  const key = pemOf([shape.key, key_file], `${at}.key`, problems)
  const host = hostAuthorities(environment)
  const ca = pemOf([shape.ca, shape.ca_file], `${at}.ca`, problems) ?? (host === undefined ? undefined : { file: host })
  if ((cert === undefined) !== (key === undefined)) problems.push(`${at}: a certificate and its key go together`)
  const lowest = min_version ?? 'TLS12'
  if (max_version !== undefined && max_version < lowest)
    problems.push(`${at}.max_version: ${max_version} is below min_version, which is ${lowest}`)
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(server_name !== undefined && { serverName: server_name }),
    verify: shape.insecure_skip_verify !== true,
    minVersion: lowest,
    ...(max_version && { maxVersion: max_version }),
  }
}

function pemOf(
  [text, file]: readonly [string | undefined, string | undefined],
  place: string,
  problems: string[],
): Pem | undefined {
  onlyOne([text, file], place, problems)
  if (file !== undefined) return { file }
  return text === undefined ? undefined : { text: new Secret(text) }
}

function proxyOf(block: AccessShape, context: BlockContext): ProxyOptions | undefined {
  const { proxy_url: url, no_proxy: none, proxy_connect_header: headers = {} } = block
  const { place, environment, problems } = context
  const fromEnvironment = block.proxy_from_environment === true
  if (fromEnvironment && (url !== undefined || none !== undefined))
    problems.push(`${place}.proxy_from_environment: cannot be used together with proxy_url or no_proxy; keep one`)
  if (url === undefined && !fromEnvironment) {
    for (const key of ['no_proxy', 'proxy_connect_header'] as const)
      if (block[key] !== undefined) problems.push(`${place}.${key}: is no use without proxy_url`)
    return undefined
  }
  const connectHeaders = Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name, values.map((value) => new Secret(value))]),
  )
  if (url !== undefined) {
    const proxy = forwardProxyOf(url)
    return { http: proxy, https: proxy, connectHeaders, ...(none !== undefined && { none }) }
  }
  const variable = (name: string) => environment[name.toUpperCase()] || environment[name]
  const named = (name: string) => {
    const text = variable(name)
    if (text === undefined) return {}
    const from = text.includes('://') ? text : `http://${text}`
    if (/^https?:$/.test(URL.parse(from)?.protocol ?? '')) return { [name.replace('_proxy', '')]: forwardProxyOf(from) }
    problems.push(`${place}.proxy_from_environment: ${name} is no http:// or https:// URL`)
    return {}
  }
  return { ...named('http_proxy'), ...named('https_proxy'), none: variable('no_proxy') ?? '', connectHeaders }
}

/** Credentials are taken out of the URL, which may be shown. */
function forwardProxyOf(text: string): ForwardProxy {
  const url = new URL(text)
  const { username, password } = url
  url.username = ''
  url.password = ''
  if (username === '' && password === '') return { url }
  const pair = `${decoded(username)}:${decoded(password)}`
  return { url, authorization: new Secret(`Basic ${Buffer.from(pair).toString('base64')}`) }
}

/** Where distributions keep the authorities that the host trusts, its operator's own among them, in one file. */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Alpine, Arch
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // Fedora, RHEL
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/etc/ssl/cert.pem',
]

/** The file of authorities of this host. Undefined where there is none, or Node was told of more: then Node's hold. */
function hostAuthorities(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = environment['SSL_CERT_FILE']
  if (named) return named
  return environment['NODE_EXTRA_CA_CERTS'] ? undefined : bundles.find(isFilled)
}

const isFilled = (file: string) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0
