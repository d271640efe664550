import { crc32 } from 'node:zlib'
import type { Collector } from '../collector.ts'
import { ConfigError } from '../config/error.ts'
import type { Config } from '../config/index.ts'
import { loadKinds } from '../output.ts'
import { type Flag, type ParsedFlags, UsageError } from '../util/flags.ts'
import type { Terminal } from './command.ts'

/** The flags that name the receivers of a command. */
export const targetFlags = ({ outputKinds }: Pick<Terminal, 'outputKinds'>): readonly Flag[] => [
  {
    name: 'config.file',
    kind: 'value',
    value: 'FILE',
    help: 'Configuration file (JSON). The command pushes to each of its outputs.',
  },
  ...outputKinds.map(({ flag }) => ({ ...flag, kind: 'value' as const, value: 'URL' })),
]

export const timeoutFlag = {
  name: 'timeout',
  kind: 'value',
  value: 'DURATION',
  fallback: '5s',
  help: 'Maximum time for delivery, for example 500ms, 5s or 1m.',
} as const satisfies Flag

/** After the timeout or a signal, for work that cannot be cancelled, milliseconds. */
export const graceMs = 1000

/** The error of a command that has not ended by then. */
export const lateText = 'stopped after the timeout; the next command delivers the samples that are in the buffer'

/**
 * The configuration of a command with these flags. `collectors` are those that the command runs. If it runs none, they
 * are loaded only to check the file.
 */
export async function targetConfig(
  flags: ParsedFlags,
  { environment, outputKinds }: Pick<Terminal, 'environment' | 'outputKinds'>,
  collectors?: readonly Collector[],
): Promise<Config> {
  const file = flags.get('config.file')
  const urls = outputKinds.flatMap(({ kind, flag }) => {
    const url = urlOf(flags, flag.name)
    return url === undefined ? [] : [{ kind, url }]
  })
  if (file !== undefined && urls.length > 0)
    throw new UsageError('--config.file and a URL flag cannot be used together, remove one')
  if (file === undefined && urls.length === 0) {
    const own = outputKinds.map(({ flag }) => `--${flag.name}=URL`)
    throw new UsageError(`no destination: set --config.file=FILE, ${own.join(' or ')}`)
  }
  const { readConfig } = await import('../config/index.ts')
  const config = await readConfig({
    flags: collectors === undefined ? new Map([...flags].filter(([name]) => name === 'config.file')) : flags,
    environment,
    collectors: collectors ?? (file === undefined ? [] : (await import('../collectors/index.ts')).collectors),
    outputKinds: await loadKinds(outputKinds),
    defaults: Object.fromEntries(urls.map(({ kind, url }) => [kind, [{ url, name: nameOf(url) }]])),
  })
  if (config.outputs.length > 0) return config
  throw new ConfigError([`${file}: no output is configured, add ${kindNames(outputKinds)}`])
}

/** `remote_write or pushgateway` */
export const kindNames = (outputKinds: readonly { readonly kind: string }[]): string =>
  outputKinds.map(({ kind }) => kind).join(' or ')

/**
 * The name of the output of a URL flag. Undelivered samples are delivered by a later command with the same name, so the
 * name is unique for a URL. A password or key in the URL does not change the name. A user name next to a password does:
 * at Grafana Cloud it is the tenant.
 */
export function nameOf(text: string): string {
  const url = new URL(text)
  if (url.password === '') url.username = '' // without a password it may be a token
  url.password = ''
  for (const name of url.searchParams.keys()) if (secretName.test(name)) url.searchParams.set(name, '')
  const { host, href } = url
  return `${host.replace(/[^\w.-]+/g, '-').slice(0, 50)}-${crc32(href).toString(16).padStart(8, '0')}`
}

const secretName = /key|token|secret|pass|auth|sig|cred/i

function urlOf(flags: ParsedFlags, name: string): string | undefined {
  const text = flags.get(name)
  if (text === undefined) return undefined
  if (!/^https?:$/.test(URL.parse(String(text))?.protocol ?? ''))
    throw new UsageError(`--${name}: ${withoutSecrets(String(text))} is not a URL that begins with http:// or https://`)
  return String(text)
}

/** A text that is not a valid URL may still contain a password. */
const withoutSecrets = (text: string) => text.replace(/[^/]*@/, '***@').replace(/\?.*/s, '?***')
