import { dirname, resolve } from 'node:path'
import type { LineCounter, Node, Pair, ParsedNode } from 'yaml'
import type { ConfiguredFiles, OpenFile } from '../../host/index.ts'
import { messageOf, Secret } from '../../util/log.ts'
import type { CurrentProtection, Protection, TlsProtection } from '../../web/index.ts'
import { durationMs } from '../schema/units.ts'
import { checked, type Path, placeOf } from '../schema/unknown-keys.ts'
import { cipherSuites, curves, modernSuites, type TlsServer, type WebFile, webFileShape } from '../schema/web-file.ts'

/** Maximum size of the web configuration file and of a file that it names. */
const maxBytes = 1024 * 1024

/** An error in the file, with its line and without the value. */
class WebFileError extends Error {}

/**
 * Returns a function that uses the web configuration file again if it or a file that it names has changed. While a file
 * cannot be read, or a new certificate does not match its key, the last content stays in use. Throws an Error with all
 * problems of the web configuration file.
 */
export async function openWebFile(path: string, files: ConfiguredFiles): Promise<CurrentProtection> {
  const yaml = await import('yaml')
  const inFolder = (name: string) => resolve(dirname(path), name)
  const opened = (file: string) =>
    files.open(file, maxBytes, textOf).catch((error: unknown) => {
      throw new WebFileError(`${file}: ${messageOf(error)}`)
    })
  const own = await opened(path)
  const { cert_file, key_file, client_ca_file } = parsed(own.current(), path, yaml).tls_server_config ?? {}
  const named = new Map<string, OpenFile<string>>()
  for (const name of [cert_file, key_file, client_ca_file])
    if (name !== undefined) named.set(name, await opened(inFolder(name)))
  const contentOf = (name: string) => {
    const file = named.get(name) ?? files.later(inFolder(name), maxBytes, textOf)
    named.set(name, file)
    try {
      return file.current()
    } catch (error) {
      throw new WebFileError(`${inFolder(name)}: ${messageOf(error)}`)
    }
  }
  let cached: Cached | undefined
  const current = () => {
    const text = own.current()
    if (cached?.text === text && [...cached.contents].every(([name, content]) => contentOf(name) === content))
      return cached.protection
    const contents = new Map<string, string>()
    const recorded = (name: string) => {
      const content = contentOf(name)
      contents.set(name, content)
      return content
    }
    try {
      const protection = protectionOf(parsed(text, path, yaml), path, recorded)
      cached = { text, contents, protection }
      own.report(undefined)
      return protection
    } catch (error) {
      if (cached?.text !== text) throw error
      own.report(messageOf(error))
      return cached.protection
    }
  }
  current()
  return current
}

interface Cached {
  readonly text: string
  /** The files that it names, by name. */
  readonly contents: ReadonlyMap<string, string>
  readonly protection: Protection
}

const textOf = (bytes: Buffer) => bytes.toString()

function parsed(text: string, path: string, { parseDocument, LineCounter }: typeof import('yaml')): WebFile {
  const lines = new LineCounter()
  const document = inDepth(path, () => parseDocument(text, { lineCounter: lines, prettyErrors: false }))
  const [broken] = document.errors
  if (broken !== undefined)
    throw new WebFileError(`${path}:${lines.linePos(broken.pos[0]).line}: invalid YAML: ${reasonOf(broken)}`)
  const { invalid, output } = inDepth(path, () => checked(webFileShape, withoutNulls(document.toJS()) ?? {}))
  if (invalid.length === 0) return output
  const problems = invalid.map(({ path: at, text }) => {
    const line = lineOf(document.contents, at, lines)
    return `${path}:${line}: ${[placeOf(at), text].filter(Boolean).join(': ')}`
  })
  throw new WebFileError(problems.join('\n'))
}

/** The library reports an overflow of the stack as an error of the text. */
const reasonOf = ({ message }: Error) => (message.includes('call stack') ? tooDeep : message)

const tooDeep = 'collections are nested too deeply'

/** Errors of the YAML library for collections that are nested too deeply, and for too many aliases. */
function inDepth<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError) throw new WebFileError(`${path}: ${tooDeep}`)
    throw new WebFileError(`${path}: invalid YAML: ${messageOf(error)}`)
  }
}

/** An empty section counts as missing. An empty section with an unknown name is still an error. */
function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, withoutNulls(one)]))
}

/** The line of the innermost existing key of a path. */
function lineOf(contents: ParsedNode | null, path: Path, lines: LineCounter): number {
  let node: unknown = contents
  let offset = 0
  for (const key of path) {
    const items = (node as { items?: readonly unknown[] } | undefined)?.items ?? []
    const pair = items.find((item) => (item as Pair<{ value?: unknown }>).key?.value === key) as
      | Pair<Node, Node>
      | undefined
    const next = typeof key === 'number' ? (items[key] as Node | undefined) : pair?.value
    const at = typeof key === 'number' ? next : pair?.key
    if (at?.range) offset = at.range[0]
    node = next
  }
  return lines.linePos(offset).line
}

function protectionOf(file: WebFile, path: string, contentOf: (name: string) => string): Protection {
  const { http_server_config, basic_auth_users = {}, rate_limit } = file
  const tls = file.tls_server_config && tlsOf(file.tls_server_config, path, contentOf)
  const headers = Object.entries(http_server_config?.headers ?? {})
  const { burst = 0, interval } = rate_limit ?? {}
  return {
    ...(tls && { tls }),
    headers: Object.fromEntries(headers.flatMap(([name, value]) => (value ? [[name.toLowerCase(), value]] : []))),
    users: new Map(Object.entries(basic_auth_users).map(([user, hash]) => [user, new Secret(hash)])),
    ...(interval !== undefined && { rateLimit: { burst, intervalMs: durationMs(interval) ?? 0 } }),
  }
}

const versions = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const

/** Undefined for an empty section. Throws if the certificates are invalid. */
function tlsOf(given: TlsServer, path: string, contentOf: (name: string) => string): TlsProtection | undefined {
  if (Object.values(given).every((value) => value === undefined)) return undefined
  const pem = (what: 'cert' | 'key' | 'client_ca') => {
    const [inline, file] = [given[what], given[`${what}_file`]]
    if (inline !== undefined && file !== undefined)
      throw new WebFileError(`${path}: tls_server_config: ${what} and ${what}_file cannot be used together, keep one`)
    return inline ?? (file === undefined ? undefined : contentOf(file))
  }
  const [cert, key, ca] = [pem('cert'), pem('key'), pem('client_ca')]
  for (const [name, value] of Object.entries({ cert, key }))
    if (value === undefined) throw new WebFileError(`${path}: tls_server_config.${name}_file: required key is missing`)
  const clientAuth = given.client_auth_type ?? 'NoClientCert'
  if (ca !== undefined && clientAuth === 'NoClientCert')
    throw new WebFileError(`${path}: tls_server_config.client_ca_file: has no effect without client_auth_type`)
  const { min_version: min = 'TLS12', max_version: max = 'TLS13', cipher_suites: suites = [] } = given
  const old = suites.flatMap((name) => cipherSuites[name] ?? [])
  const chosen = old.length > 0 ? [...modernSuites, ...old].join(':') : undefined
  const isWeak = min === 'TLS10' || min === 'TLS11' // OpenSSL disables TLS 1.0 and 1.1 at its default security level
  const ciphers = isWeak ? `${chosen ?? 'DEFAULT'}@SECLEVEL=0` : chosen
  const prefers = given.prefer_server_cipher_suites
  const tls = {
    context: {
      ...{ cert: cert ?? '', key: key ?? '', minVersion: versions[min], maxVersion: versions[max] },
      ...(ca !== undefined && { ca }),
      ...(ciphers !== undefined && { ciphers }),
      ...(given.curve_preferences && { ecdhCurve: given.curve_preferences.map((name) => curves[name]).join(':') }),
      ...(prefers !== undefined && { honorCipherOrder: prefers }),
    },
    clientAuth,
    clientNames: given.client_allowed_sans ?? [],
  }
  try {
    process.getBuiltinModule('node:tls').createSecureContext(tls.context)
  } catch (error) {
    throw new WebFileError(`${path}: tls_server_config: invalid certificates: ${messageOf(error)}`)
  }
  return tls
}
