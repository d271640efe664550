import { crc32 } from 'node:zlib'
import type { Collector } from '../collector.ts'
import { ConfigError } from '../config/error.ts'
import type { Config } from '../config/index.ts'
import { loadKinds } from '../output.ts'
import { type Flag, type ParsedFlags, UsageError } from '../util/flags.ts'
import type { Terminal } from './command.ts'

/** The flags that say where a command pushes to. */
export const targetFlags = ({ outputKinds }: Pick<Terminal, 'outputKinds'>): readonly Flag[] => [
  { name: 'config.file', kind: 'value', help: 'A configuration: to every output that it names.' },
  ...outputKinds.map(({ flag }) => ({ ...flag, kind: 'value' as const })),
]

export const timeoutFlag = {
  name: 'timeout',
  kind: 'value',
  fallback: '5s',
  help: 'How long to wait for the answer.',
} as const satisfies Flag

/**
 * The configuration of a command that was told by these flags where to push. `collectors` are those that it runs; where
 * it runs none they are loaded only to understand a file.
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
    throw new UsageError('--config.file and a URL cannot be used together; keep one')
  if (file === undefined && urls.length === 0) {
    const own = outputKinds.map(({ flag }) => `--${flag.name}=URL`)
    throw new UsageError(`where to? --config.file=FILE, ${own.join(' or ')} is needed`)
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
  throw new ConfigError([`${file}: there is nowhere to push to: ${kindNames(outputKinds)} is needed`])
}

/** `remote_write or pushgateway` */
export const kindNames = (outputKinds: readonly { readonly kind: string }[]): string =>
  outputKinds.map(({ kind }) => kind).join(' or ')

/**
 * What is left over for a URL waits for the same URL: a name that no other one has. A new password or key is no other
 * URL. The user beside a password is: at Grafana Cloud it is the tenant.
 */
export function nameOf(text: string): string {
  const url = new URL(text)
  if (url.password === '') url.username = '' // it may be a token
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
    throw new UsageError(`--${name}: ${withoutSecrets(String(text))} is not an http:// or https:// URL`)
  return String(text)
}

/** What is no URL may hold a password all the same. */
const withoutSecrets = (text: string) => text.replace(/[^/]*@/, '***@').replace(/\?.*/s, '?***')
