import type { Buffer } from './buffer/buffer.ts'
import { MemoryBuffer } from './buffer/memory.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config/index.ts'
import type { Access, Sender } from './http/connection.ts'
import type { Log } from './log.ts'
import type { Snapshot } from './metrics/snapshot.ts'
import { Gateway } from './pushgateway/index.ts'
import { Endpoint } from './remote-write/index.ts'
import { userAgent } from './version.ts'

/** What is needed to push anywhere. */
export interface Pushing {
  readonly clock: Clock
  readonly log: Log
  /** Opens the one connection of an output. */
  readonly connect: (origin: string, access?: Access, clock?: Clock) => Promise<Sender>
}

/** Takes the time that a receiver tells, milliseconds since the epoch. */
type OnTime = (receiverMs: number) => void

/** What endpoints tell of time, and ask of it. */
interface Time {
  readonly onTime?: OnTime
  /** The wall clock of this host has stepped since the start. */
  readonly hasStepped?: () => boolean
}

/** The remote-write endpoints of a configuration, each at its cursor of the buffer. */
export function openEndpoints(
  { remoteWrite }: Pick<Config, 'remoteWrite'>,
  { clock, log, connect }: Pushing,
  buffer: Pick<Buffer, 'cursor'>,
  time: Time = {},
): Promise<readonly Endpoint[]> {
  return Promise.all(
    remoteWrite.map(async (options) => {
      const sender = await connect(options.url.origin, options.access, clock)
      const cursor = buffer.cursor(options.name, options.choice)
      return new Endpoint(options, { clock, log, cursor, sender, userAgent, ...time })
    }),
  )
}

/** The Pushgateways of a configuration. */
export function openGateways(
  { pushgateways }: Pick<Config, 'pushgateways'>,
  { clock, log, connect }: Pushing,
  onTime: OnTime = () => {},
): Promise<readonly Gateway[]> {
  return Promise.all(
    pushgateways.map(async (options) => {
      const sender = await connect(options.url.origin, options.access, clock)
      return new Gateway(options, { clock, log, sender, userAgent, onTime })
    }),
  )
}

/** What became of one snapshot at an output. */
export interface Fate {
  readonly name: string
  readonly url: string
  /** Samples that the output has not taken. */
  readonly lost: number
  /** Why, as far as the output said it. */
  readonly reason?: string
}

/** Pushes one snapshot everywhere and waits for the answers, as long as the signal does not abort. */
export async function deliver(
  snapshot: Snapshot,
  config: Pick<Config, 'remoteWrite' | 'pushgateways'>,
  pushing: Pushing,
  deadline: AbortSignal,
): Promise<readonly Fate[]> {
  const buffer = new MemoryBuffer(Number.POSITIVE_INFINITY)
  const endpoints = await openEndpoints(config, pushing, buffer)
  const gateways = await openGateways(config, pushing)
  buffer.append({ ...snapshot, isLast: true })
  for (const gateway of gateways) gateway.notify({ snapshot })
  await Promise.all([...endpoints, ...gateways].map((output) => output.stop(deadline)))
  const all = snapshot.values.length
  const atEndpoints = endpoints.map(({ report, trouble }): Fate => {
    const dropped = [...(buffer.stats.dropped.get(report.name) ?? [])]
    const lost = report.backlog.snapshots > 0 ? all : dropped.reduce((sum, [, samples]) => sum + samples, 0)
    return fateOf(report, lost, trouble ?? dropped.map(([reason]) => reason).join(', '))
  })
  const atGateways = gateways.map(({ report, trouble }): Fate => {
    if (report.pending > 0 || trouble !== undefined) return fateOf(report, all, trouble ?? '')
    return fateOf(report, report.stats.samplesRefused, 'refused')
  })
  return [...atEndpoints, ...atGateways]
}

function fateOf({ name, url }: { readonly name: string; readonly url: string }, lost: number, reason: string): Fate {
  return lost === 0 ? { name, url, lost } : { name, url, lost, reason: reason === '' ? 'no answer in time' : reason }
}
