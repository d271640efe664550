import type { Files } from './buffer/files.ts'
import { openBuffer } from './buffer/index.ts'
import { familiesOf } from './buffer/metrics.ts'
import { countDropped } from './buffer/stats.ts'
import { type Clock, every } from './clock.ts'
import { openCollection } from './collection.ts'
import type { Emit } from './collector.ts'
import type { Config } from './config/index.ts'
import type { Cycle } from './cycle.ts'
import type { Notify } from './host/notify.ts'
import { thisBoot } from './host/open.ts'
import { shownUrl } from './http/credentials.ts'
import { Intake } from './intake.ts'
import { type Log, messageOf } from './log.ts'
import type { Family, Labels } from './metrics/family.ts'
import type { Output } from './output.ts'
import { openEndpoints, openGateways, type Pushing } from './outputs.ts'
import { clockFamilies, exporterFamilies, scrapeFamilies } from './own.ts'
import { emitGateway } from './pushgateway/metrics.ts'
import type { Endpoint } from './remote-write/index.ts'
import { emitEndpoint, emitStorage } from './remote-write/metrics.ts'
import { type Adopting, createAdopting } from './run/adopting.ts'
import { Timeline } from './timeline.ts'
import { build, platform } from './version.ts'
import { type Watched, watch } from './watchdog.ts'
import { createWeb } from './web/index.ts'
import type { OwnStat } from './web/registry.ts'

/** What a test replaces. */
export interface World extends Pushing {
  /** The disk that the buffer writes to. */
  readonly files?: Files
  readonly supervisor?: Supervisor
}

/** Who started the agent and wants to know how it fares. */
export interface Supervisor {
  readonly notify: Notify
  /** How long it waits for a sign of life, milliseconds; undefined where it does not. */
  readonly watchdogMs?: number | undefined
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

/** How often everyone is looked after, and what a collection may take when all goes wrong. */
const checkMs = 10_000
const longestCollectionMs = 120_000

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
  const status = () => {
    const ill = [...endpoints, ...gateways].filter(({ trouble }) => trouble !== undefined)
    const each = ill.map(({ name, trouble }) => `${name}: ${trouble}`)
    return each.length === 0 ? 'delivering' : each.join('; ')
  }
  const parts = { intake, cycle: collection.cycle, outputs, adopting, watched: endpoints, mayEnd, status, left, close }
  return { endpoints, addresses, run: runner(config, world, parts) }
}

interface Parts {
  readonly intake: Intake
  readonly cycle: (timestampMs: number) => Promise<Cycle>
  readonly outputs: readonly Output[]
  readonly adopting: Adopting
  readonly watched: readonly Watched[]
  /** Nothing is lost when the process ends. */
  readonly mayEnd: boolean
  /** How the outputs fare, in one line. */
  readonly status: () => string
  /** Snapshots that some output has not got. */
  readonly left: () => number
  readonly close: () => Promise<void>
}

/** The loop of the agent and its end. */
function runner(config: Config, { clock, log, supervisor }: World, parts: Parts) {
  const { intake, cycle, outputs, adopting, left, close } = parts
  const notify = supervisor?.notify ?? (() => {})
  const everyMs = Math.min(checkMs, (supervisor?.watchdogMs ?? Number.POSITIVE_INFINITY) / 2)
  const collecting = new Collecting(clock, config.intervalMs)
  const collect = async (isLast: boolean) => {
    const cycled = await cycle(intake.moment())
    const seen = isLast ? { ...cycled, snapshot: { ...cycled.snapshot, isLast: true as const } } : cycled
    intake.take(seen)
    for (const output of outputs) guarded(log, output, seen)
    collecting.done()
  }
  return async (signal: AbortSignal): Promise<number> => {
    const ending = new AbortController()
    const end = AbortSignal.any([signal, ending.signal])
    const watched = () => [collecting, ...parts.watched]
    const onWell = () => notify('WATCHDOG=1', `STATUS=${parts.status()}`)
    const { mayEnd } = parts
    const watching = watch({ clock, log, watched, everyMs, onWell, mayEnd }, end).then((hopeless) => {
      ending.abort(new Error('the agent ends'))
      return hopeless
    })
    const adopted = adopting.run(end)
    notify('READY=1', 'STATUS=collecting')
    for await (const { missed } of every(clock, config.intervalMs, end)) {
      if (missed > 0) log.warn('agent: intervals missed', { missed })
      await collect(false)
    }
    notify('STOPPING=1', 'STATUS=delivering the rest')
    const hopeless = await watching
    await collect(true)
    await adopted
    const deadline = new AbortController()
    const late = clock.sleep(config.flushTimeoutMs, deadline.signal).then(
      () => deadline.abort(),
      () => {}, // everything was delivered before the deadline
    )
    await Promise.all(outputs.map((output) => output.stop(deadline.signal)))
    deadline.abort()
    await late
    const undelivered = left()
    await close()
    if (hopeless !== undefined)
      throw new Error(`watchdog: ${hopeless} stands still and begins nothing anew: ended, to be started again`)
    return undelivered
  }
}

/** The collecting itself, as one of those who must not stand still. */
class Collecting implements Watched {
  readonly name = 'collecting'
  progress = 0
  readonly #clock: Clock
  readonly #allowedMs: number
  #lastMs: number

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock
    this.#allowedMs = 3 * intervalMs + longestCollectionMs
    this.#lastMs = clock.monotonicMs()
  }

  done(): void {
    this.progress++
    this.#lastMs = this.#clock.monotonicMs()
  }

  stuckMs(): number {
    return Math.max(0, this.#clock.monotonicMs() - this.#lastMs - this.#allowedMs)
  }

  /** Nothing can be done but to wait once more. */
  revive(): void {
    this.#lastMs = this.#clock.monotonicMs()
  }
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
