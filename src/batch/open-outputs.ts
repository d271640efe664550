import type { Buffer } from '../buffer/types.ts'
import type { Config } from '../config/index.ts'
import type { Access, Sender } from '../http/types.ts'
import { Gateway } from '../pushgateway/index.ts'
import { Endpoint } from '../remote-write/index.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { userAgent } from '../util/version.ts'

/** What is needed to push anywhere. */
export interface OutputDeps {
  readonly clock: Clock
  readonly log: Log
  /** Opens the one connection of an output. */
  readonly connect: (origin: string, access?: Access, clock?: Clock) => Promise<Sender>
}

/** Takes the time that a receiver tells, milliseconds since the epoch. */
type OnTime = (receiverMs: number) => void

/** What endpoints tell of time and ask of it. */
interface ClockHooks {
  readonly onTime?: OnTime
  /** The wall clock of this host has stepped since the start. */
  readonly hasStepped?: () => boolean
}

/** The remote-write endpoints of a configuration, each at its cursor of the buffer. */
export function openEndpoints(
  { remoteWrite }: Pick<Config, 'remoteWrite'>,
  { clock, log, connect }: OutputDeps,
  buffer: Pick<Buffer, 'cursor'>,
  more: ClockHooks = {},
): Promise<readonly Endpoint[]> {
  return Promise.all(
    remoteWrite.map(async (options) => {
      const sender = await connect(options.url.origin, options.access, clock)
      const cursor = buffer.cursor(options.name, options.sampling)
      return new Endpoint(options, { clock, log, cursor, sender, userAgent, ...more })
    }),
  )
}

/** The Pushgateways of a configuration. */
export function openGateways(
  { pushgateways }: Pick<Config, 'pushgateways'>,
  { clock, log, connect }: OutputDeps,
  onTime: OnTime = () => {},
): Promise<readonly Gateway[]> {
  return Promise.all(
    pushgateways.map(async (options) => {
      const sender = await connect(options.url.origin, options.access, clock)
      return new Gateway(options, { clock, log, sender, userAgent, onTime })
    }),
  )
}
