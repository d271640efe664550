import { statSync } from 'node:fs'
import type { ConfiguredFiles } from '../../host/index.ts'
import type { Access, ForwardProxy, Pem, ProxyOptions, TlsOptions } from '../../http/index.ts'

import { messageOf, Secret } from '../../util/log.ts'
import type { BlockContext } from '../context.ts'
import type { AccessShape } from '../schema/access.ts'
import { decoded, onlyOne } from './secrets.ts'

/** TLS and proxy of a block. The files of `tls_config` are read now, to report errors. */
export async function accessOf(block: AccessShape, context: BlockContext): Promise<Access> {
  const tls = await tlsOf(block.tls_config ?? {}, context)
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

/** Access to a service that issues credentials for a block: the proxy of the block, and the trust store of the host. */
export function proxyOnly({ tls_config: _, ...block }: AccessShape, context: BlockContext): Promise<Access> {
  return accessOf(block, { ...context, problems: [] }) // already reported for the endpoint
}

type TlsShape = NonNullable<AccessShape['tls_config']>

async function tlsOf(shape: TlsShape, { place, files, problems, environment }: BlockContext): Promise<TlsOptions> {
  const at = `${place}.tls_config`
  const { cert_file, key_file, server_name, min_version, max_version } = shape
  const sources = { place: at, files, problems }
  const cert = await pemOf([shape.cert, cert_file], 'cert', sources)
  const key = await pemOf([shape.key, key_file], 'key', sources)
  const ca = (await pemOf([shape.ca, shape.ca_file], 'ca', sources)) ?? hostPem(hostAuthorities(environment), files)
  if ((cert === undefined) !== (key === undefined))
    problems.push(`${at}: incomplete, expected both a certificate and its key`)
  const lowest = min_version ?? 'TLS12'
  if (max_version !== undefined && max_version < lowest)
    problems.push(`${at}.max_version: ${max_version} is lower than min_version, ${lowest}`)
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

/** Maximum size of a file with certificates: a bundle of all public CAs has 0.3 MB. */
const maxPemBytes = 4 * 1024 * 1024

async function pemOf(
  [text, file]: readonly [string | undefined, string | undefined],
  part: 'ca' | 'cert' | 'key',
  { place, files, problems }: Pick<BlockContext, 'place' | 'files' | 'problems'>,
): Promise<Pem | undefined> {
  onlyOne([text, file], `${place}.${part}`, problems)
  if (file === undefined) return text === undefined ? undefined : { text: new Secret(text) }
  const { checkPem } = await import('../../http/index.ts')
  let isRead = false
  const checked = (bytes: Buffer) => {
    const content = bytes.toString().replace(/^\uFEFF/, '')
    isRead = true
    checkPem(content, part, `${part}_file ${file}`)
    return content
  }
  try {
    const { current, report } = await files.open(file, maxPemBytes, checked)
    return { file, read: current, report }
  } catch (error) {
    const problem = isRead ? messageOf(error) : `tls: ${part}_file ${file} cannot be read: ${messageOf(error)}`
    const read = () => {
      throw new Error(problem)
    }
    return { file, read }
  }
}

/** The trust store of the host is read when the first connection with TLS is opened. */
function hostPem(file: string | undefined, files: ConfiguredFiles): Pem | undefined {
  if (file === undefined) return undefined
  const { current, report } = files.later(file, maxPemBytes, (bytes) => bytes.toString())
  return { file, read: current, report }
}

function proxyOf(block: AccessShape, context: BlockContext): ProxyOptions | undefined {
  const { proxy_url: url, no_proxy: none, proxy_connect_header: headers = {} } = block
  const { place, environment, problems } = context
  const fromEnvironment = block.proxy_from_environment === true
  if (fromEnvironment && (url !== undefined || none !== undefined))
    problems.push(`${place}.proxy_from_environment: cannot be used together with proxy_url or no_proxy, keep one`)
  if (url === undefined && !fromEnvironment) {
    for (const key of ['no_proxy', 'proxy_connect_header'] as const)
      if (block[key] !== undefined) problems.push(`${place}.${key}: has no effect without proxy_url`)
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
    problems.push(
      `${place}.proxy_from_environment: invalid environment variable ${name}, expected an http:// or https:// URL`,
    )
    return {}
  }
  return { ...named('http_proxy'), ...named('https_proxy'), none: variable('no_proxy') ?? '', connectHeaders }
}

/** Removes credentials from the URL, because logs show the URL. */
function forwardProxyOf(text: string): ForwardProxy {
  const url = new URL(text)
  const { username, password } = url
  url.username = ''
  url.password = ''
  if (username === '' && password === '') return { url }
  const pair = `${decoded(username)}:${decoded(password)}`
  return { url, authorization: new Secret(`Basic ${Buffer.from(pair).toString('base64')}`) }
}

/** The trust stores of distributions, each in one file. They include authorities that the operator added. */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Alpine, Arch
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // Fedora, RHEL
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/etc/ssl/cert.pem',
]

/** The trust store of this host. Undefined without one, or with NODE_EXTRA_CA_CERTS: then that of Node is used. */
function hostAuthorities(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = environment['SSL_CERT_FILE']
  if (named) return named
  return environment['NODE_EXTRA_CA_CERTS'] ? undefined : bundles.find(isFilled)
}

const isFilled = (file: string) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0
