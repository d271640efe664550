import { crc32 } from 'node:zlib'
import type { Collector } from '../collector.ts'
import { ConfigError } from '../config/error.ts'
import type { Config } from '../config/index.ts'
import { type Flag, type ParsedFlags, UsageError } from '../util/flags.ts'
import type { Terminal } from './command.ts'

/** The flags that say where a command pushes to. */
export const targetFlags: readonly Flag[] = [
  { name: 'config.file', kind: 'value', help: 'A configuration: to every output that it names.' },
  { name: 'pushgateway', kind: 'value', help: 'The URL of a Pushgateway, without /metrics/job/...' },
  { name: 'remote-write.url', kind: 'value', help: 'The URL of a remote-write endpoint.' },
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
  { environment }: Pick<Terminal, 'environment'>,
  collectors?: readonly Collector[],
): Promise<Config> {
  const file = flags.get('config.file')
  const gateway = urlOf(flags, 'pushgateway')
  const endpoint = urlOf(flags, 'remote-write.url')
  const direct = gateway !== undefined || endpoint !== undefined
  if (file !== undefined && direct) throw new UsageError('--config.file and a URL cannot be used together; keep one')
  if (file === undefined && !direct)
    throw new UsageError('where to? --config.file=FILE, --pushgateway=URL or --remote-write.url=URL is needed')
  const { readConfig } = await import('../config/index.ts')
  const config = await readConfig({
    flags: collectors === undefined ? new Map([...flags].filter(([name]) => name === 'config.file')) : flags,
    environment,
    collectors: collectors ?? (file === undefined ? [] : (await import('../collectors/index.ts')).collectors),
    defaults: {
      ...(gateway !== undefined && { pushgateway: [{ url: gateway, name: nameOf(gateway) }] }),
      ...(endpoint !== undefined && { remote_write: [{ url: endpoint, name: nameOf(endpoint) }] }),
    },
  })
  if (config.remoteWrite.length + config.pushgateways.length > 0) return config
  throw new ConfigError([`${file}: there is nowhere to push to: remote_write or pushgateway is needed`])
}

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
