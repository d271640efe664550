import type { Files } from './buffer/files.ts'
import { openBuffer } from './buffer/index.ts'
import { familiesOf } from './buffer/metrics.ts'
import { type Clock, every } from './clock.ts'
import type { Emit } from './collector.ts'
import type { Config } from './config/index.ts'
import { type Cycle, createCycle, type OwnFamilies } from './cycle.ts'
import { openHost } from './host/open.ts'
import type { Sender } from './http/request.ts'
import { Intake } from './intake.ts'
import { type Log, messageOf } from './log.ts'
import type { Family, Labels } from './metrics/family.ts'
import { SeriesTable } from './metrics/series.ts'
import { SnapshotBuilder } from './metrics/snapshot.ts'
import type { Output } from './output.ts'
import { exporterFamilies, scrapeFamilies } from './own.ts'
import { Endpoint } from './remote-write/index.ts'
import { emitEndpoint } from './remote-write/metrics.ts'
import { Timeline } from './timeline.ts'
import { build, platform, userAgent } from './version.ts'
import { createWeb } from './web/index.ts'
import type { OwnStat } from './web/registry.ts'

/** What a test replaces. */
export interface World {
  readonly clock: Clock
  readonly log: Log
  /** Opens the one connection of an endpoint. */
  readonly connect: (origin: string) => Promise<Sender>
  /** The disk that the buffer writes to. */
  readonly files?: Files
}

export interface Agent {
  readonly endpoints: readonly Endpoint[]
  /**
   * Collects and pushes until the signal aborts; then collects once more and flushes for a bounded time. Gives the
   * snapshots that some endpoint has not got by then.
   */
  run(signal: AbortSignal): Promise<number>
}

/** A collector that waits for something may take this part of the interval, and never more than this. */
const deadlineShare = 0.8
const longestDeadlineMs = 10_000

/** Collects once, without any output: what `hostpush collect` prints. */
export async function collectOnce(config: Config, { clock, log }: Pick<World, 'clock' | 'log'>): Promise<Cycle> {
  const host = openHost(config, clock)
  try {
    const builder = new SnapshotBuilder(new SeriesTable(config.identity))
    const own = exporterFamilies({ ...build, ...platform }, host.self, host.bootTimeSeconds)
    return await cycleOf(config, { clock, log }, host, builder, own)(clock.now())
  } finally {
    host.close()
  }
}

/** Builds the parts from the configuration. The web server listens from here on; a fault in that is thrown. */
export async function createAgent(config: Config, world: World): Promise<Agent> {
  const { clock, log } = world
  const host = openHost(config, clock)
  const buffer = await openBuffer(config.buffer, { ...world, bootId: host.bootId })
  const timeline = new Timeline(clock, log)
  const onTime = (receiverMs: number) => {
    timeline.confirm(receiverMs)
    buffer.confirmTime(receiverMs)
  }
  const builder = new SnapshotBuilder(new SeriesTable(config.identity))
  const endpoints: Endpoint[] = []
  for (const options of config.remoteWrite) {
    const sender = await world.connect(options.url.origin)
    endpoints.push(
      new Endpoint(options, { clock, log, cursor: buffer.cursor(options.name), sender, userAgent, onTime }),
    )
  }
  const exporter = exporterFamilies({ ...build, ...platform }, host.self, host.bootTimeSeconds)
  const scrape = scrapeFamilies(() => builder.added)
  const sending = (emit: Emit) => {
    for (const { report } of endpoints) emitEndpoint(emit, report, clock.now())
    for (const [family, value, labels] of familiesOf(buffer)) emit(family, value, labels ?? {})
  }
  const cycle = cycleOf(config, world, host, builder, (emit, soFar) => {
    exporter(emit, soFar)
    sending(emit)
    scrape(emit, soFar)
  })
  const web = createWeb(config.web, {
    clock,
    log,
    program: { name: 'hostpush', version: build.version },
    enabledCollectors: config.collectors.map(({ collector }) => collector.name),
    allCollectors: config.allCollectors,
    own: () => ownStats(sending),
    status: () =>
      endpoints.map(({ report, trouble }) => [`${report.name} ${report.url}`, trouble ?? 'delivering'] as const),
  })
  await web.listen()
  const outputs: readonly Output[] = [...endpoints, web]

  const intake = new Intake(buffer, timeline, clock, log)
  const collect = async () => {
    const seen = await cycle(intake.moment())
    intake.take(seen)
    for (const output of outputs) guarded(log, output, seen)
  }
  return {
    endpoints,
    async run(signal) {
      for await (const { missed } of every(clock, config.intervalMs, signal)) {
        if (missed > 0) log.warn('agent: intervals missed', { missed })
        await collect()
      }
      await collect()
      const deadline = new AbortController()
      const late = clock.sleep(config.flushTimeoutMs, deadline.signal).then(
        () => deadline.abort(),
        () => {},
      )
      await Promise.all(outputs.map((output) => output.stop(deadline.signal)))
      deadline.abort()
      await late
      const left = endpoints.reduce((most, { report }) => Math.max(most, report.backlog.snapshots), 0)
      await buffer.close()
      host.close()
      return left
    },
  }
}

function cycleOf(
  config: Config,
  { clock, log }: Pick<World, 'clock' | 'log'>,
  host: ReturnType<typeof openHost>,
  builder: SnapshotBuilder,
  own: OwnFamilies,
): (timestampMs: number) => Promise<Cycle> {
  const deadlineMs = Math.min(longestDeadlineMs, config.intervalMs * deadlineShare)
  return createCycle({
    host,
    enabled: config.collectors,
    interfaces: config.interfaces,
    builder,
    clock,
    log,
    deadlineMs,
    own,
  })
}

/** What is emitted, as the web server's registry takes it. */
function ownStats(families: (emit: Emit) => void): readonly OwnStat[] {
  const stats: OwnStat[] = []
  families(((family: Family, value: number | undefined, labels?: Labels) => {
    if (value !== undefined) stats.push({ family, value, ...(labels && { labels }) })
  }) as Emit)
  return stats
}

/** A broken output does not stop the others. */
function guarded(log: Log, output: Output, cycle: Cycle): void {
  try {
    output.notify(cycle)
  } catch (error) {
    log.error('agent: an output failed', { output: output.name, err: messageOf(error) })
  }
}
