import type { Terminal } from '../command.ts'
import { type Config, readConfig } from '../config/index.ts'
import { type Flag, type Given, UsageError } from '../flags.ts'

/** The flags that say where a command pushes to. */
export const targetFlags: readonly Flag[] = [
  { name: 'config.file', kind: 'value', help: 'A configuration: to every output that it names.' },
  { name: 'pushgateway', kind: 'value', help: 'The URL of a Pushgateway, without /metrics/job/...' },
  { name: 'remote-write.url', kind: 'value', help: 'The URL of a remote-write endpoint.' },
]

/** The configuration of a command that was told by these flags where to push. */
export async function targetConfig(flags: Given, { environment }: Terminal): Promise<Config> {
  const file = flags.get('config.file')
  const gateway = urlOf(flags, 'pushgateway')
  const endpoint = urlOf(flags, 'remote-write.url')
  const direct = gateway !== undefined || endpoint !== undefined
  if (file !== undefined && direct) throw new UsageError('--config.file and a URL cannot be used together; keep one')
  if (file === undefined && !direct)
    throw new UsageError('where to? --config.file=FILE, --pushgateway=URL or --remote-write.url=URL is needed')
  return readConfig({
    flags: new Map(file === undefined ? [] : [['config.file', file]]),
    environment,
    collectors: file === undefined ? [] : (await import('../collectors/index.ts')).collectors,
    without: {
      ...(gateway !== undefined && { pushgateway: [{ url: gateway }] }),
      ...(endpoint !== undefined && { remote_write: [{ url: endpoint }] }),
      buffer: { mode: 'memory' },
    },
  })
}

function urlOf(flags: Given, name: string): string | undefined {
  const text = flags.get(name)
  if (text === undefined) return undefined
  if (!/^https?:$/.test(URL.parse(String(text))?.protocol ?? ''))
    throw new UsageError(`--${name}: ${text} is not an http:// or https:// URL`)
  return String(text)
}
