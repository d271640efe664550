import type { Files } from './buffer/files.ts'
import { openBuffer } from './buffer/index.ts'
import { familiesOf } from './buffer/metrics.ts'
import { countDropped } from './buffer/stats.ts'
import { openCollection } from './collection.ts'
import type { Emit } from './collector.ts'
import type { Config } from './config/index.ts'
import { thisBoot } from './host/open.ts'
import { shownUrl } from './http/credentials.ts'
import { Intake } from './intake.ts'
import { createLoop, type Supervisor } from './loop.ts'
import type { Family, Labels } from './metrics/family.ts'
import { openEndpoints, openGateways, type Pushing } from './outputs.ts'
import { clockFamilies, exporterFamilies, scrapeFamilies } from './own.ts'
import { emitGateway } from './pushgateway/metrics.ts'
import type { Endpoint } from './remote-write/index.ts'
import { emitEndpoint, emitStorage } from './remote-write/metrics.ts'
import { createAdopting } from './run/adopting.ts'
import { Timeline } from './timeline.ts'
import { build, platform } from './version.ts'
import { createWeb } from './web/index.ts'
import type { OwnStat } from './web/registry.ts'

/** What a test replaces. */
export interface World extends Pushing {
  /** The disk that the buffer writes to. */
  readonly files?: Files
  readonly supervisor?: Supervisor
}

export interface Agent {
  readonly endpoints: readonly Endpoint[]
  /** Where the web server listens. */
  readonly addresses: readonly string[]
  /**
   * Collects and pushes until the signal aborts; then collects once more and flushes for a bounded time. Gives the
   * snapshots that some output has not got by then. Rejects where a sender stands still and nothing helps.
   */
  run(signal: AbortSignal): Promise<number>
}

/** Builds the parts from the configuration. The web server listens from here on; a fault in that is thrown. */
export async function createAgent(config: Config, world: World): Promise<Agent> {
  const { clock, log } = world
  const bootId = thisBoot()
  const whose = { identity: config.identity, to: config.remoteWrite.map(({ url }) => shownUrl(url)) }
  // a gateway has no backlog: for those alone no directory is needed
  const inMemory = config.remoteWrite.length === 0 ? ({ mode: 'memory' } as const) : {}
  const buffer = await openBuffer({ ...config.buffer, ...inMemory }, { ...world, bootId, whose })
  const timeline = new Timeline(clock, log, buffer.newestMs)
  const onTime = (receiverMs: number) => {
    timeline.confirm(receiverMs)
    buffer.confirmTime(receiverMs)
  }
  const hasStepped = () => timeline.stats.steps > 0
  const adopting = createAdopting(config, { ...world, bootId }, ({ name, reason, samples }) => {
    if (config.remoteWrite.some((one) => one.name === name)) countDropped(buffer.stats, name, reason, samples)
  })
  // What a command left is older than what is collected from here on, and younger than a backlog
  const isBehind = config.remoteWrite.some(({ name, choice }) => buffer.cursor(name, choice).backlog().snapshots > 0)
  if (!isBehind) await adopting.first()
  const endpoints = await openEndpoints(config, world, buffer, { onTime, hasStepped })
  const gateways = await openGateways(config, world, onTime)
  const sending = (emit: Emit) => {
    const reports = endpoints.map(({ report }) => report)
    emitStorage(emit, reports, buffer.stats.appendedSamples)
    for (const report of reports) emitEndpoint(emit, report, clock.now())
    for (const { report } of gateways) emitGateway(emit, report)
    for (const [family, value, labels] of familiesOf(buffer, new Map(reports.map(({ name, url }) => [name, url]))))
      emit(family, value, labels ?? {})
  }
  const collection = openCollection(config, {
    clock,
    log,
    own: ({ host, builder }) => [
      exporterFamilies({ ...build, ...platform }, host.self, host.bootTimeSeconds),
      clockFamilies(timeline),
      sending,
      scrapeFamilies(() => builder.added),
    ],
  })
  const web = createWeb(config.web, {
    clock,
    log,
    program: { name: 'hostpush', version: build.version },
    enabledCollectors: config.collectors.map(({ collector }) => collector.name),
    allCollectors: config.allCollectors,
    own: () => ownStats(sending),
    status: () =>
      [...endpoints, ...gateways].map(
        ({ report, trouble }) => [`${report.name} ${report.url}`, trouble ?? 'delivering'] as const,
      ),
  })
  const close = async () => {
    await buffer.close()
    collection.close()
  }
  const addresses = await web.listen().catch(async (error: unknown) => {
    await close()
    throw error
  })
  const onDrop = (samples: number) => {
    for (const endpoint of endpoints) endpoint.lose(samples)
  }
  const outputs = [...endpoints, ...gateways, web]
  // memory would be lost with the process
  const mayEnd = config.buffer.mode === 'disk' && config.remoteWrite.length > 0
  const intake = new Intake(buffer, timeline, { clock, log, onDrop })
  const left = () =>
    Math.max(0, ...endpoints.map((one) => one.report.backlog.snapshots), ...gateways.map((one) => one.report.pending))
  const status = () => statusOf([...endpoints, ...gateways])
  const parts = { intake, cycle: collection.cycle, outputs, adopting, watched: endpoints, mayEnd, status, left, close }
  return { endpoints, addresses, run: createLoop(config, world, parts) }
}

/** What is emitted, as the web server's registry takes it. */
function ownStats(families: (emit: Emit) => void): readonly OwnStat[] {
  const stats: OwnStat[] = []
  families(((family: Family, value: number | undefined, labels?: Labels) => {
    if (value !== undefined) stats.push({ family, value, ...(labels && { labels }) })
  }) as Emit)
  return stats
}

/** How outputs fare, in one line. */
function statusOf(outputs: readonly { readonly name: string; readonly trouble: string | undefined }[]): string {
  const ill = outputs.filter(({ trouble }) => trouble !== undefined).map(({ name, trouble }) => `${name}: ${trouble}`)
  return ill.length === 0 ? 'delivering' : ill.join('; ')
}
