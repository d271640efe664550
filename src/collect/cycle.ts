import { type Context, type Emit, NoData } from '../collector.ts'
import type { Host } from '../host/index.ts'
import {
  type DuplicateReason,
  type DuplicateSample,
  type Family,
  type Filter,
  gauge,
  type Labels,
  type Snapshot,
  type SnapshotBuilder,
  seriesText,
} from '../metrics/index.ts'

import { type Clock, withTimeout } from '../util/clock.ts'
import { type Log, messageOf, report } from '../util/log.ts'
import { LineRate, StateRate } from '../util/log-rate.ts'
import type { Answer, Hardware } from './hardware/index.ts'
import { collectorMessages as messages } from './messages.ts'
import type { CycleLimits, EnabledCollector } from './types.ts'

export type { EnabledCollector } from './types.ts'

const duration = gauge('node_scrape_collector_duration_seconds', 'How long a collector took.', ['collector'])
const success = gauge('node_scrape_collector_success', 'Whether a collector succeeded.', ['collector'])

/** The samples of a snapshot that a collector emitted: indices from `from` to `to`, without `to`. */
export interface SampleRange {
  readonly collector: string
  readonly from: number
  readonly to: number
}

/** A snapshot and the range of samples of each collector. */
export interface CollectionResult {
  readonly snapshot: Snapshot
  readonly parts: readonly SampleRange[]
  /** The collector that took longest; undefined without collectors. */
  readonly slowest?: { readonly collector: string; readonly seconds: number } | undefined
}

/** Collects once. */
export type Cycle = (timestampMs: number, limits?: CycleLimits) => Promise<CollectionResult>

/** Emits families that no collector emits: those of the agent. Called last in every cycle. */
export type SelfMetrics = (emit: Emit, soFar: { readonly samples: number; readonly seconds: number }) => void

interface Deps {
  readonly host: Host
  readonly enabled: readonly EnabledCollector[]
  readonly interfaces: Filter
  readonly builder: SnapshotBuilder
  readonly clock: Clock
  readonly log: Log
  /** Deadline of asynchronous collectors, unless a collector declares a shorter one. */
  readonly deadlineMs: number
  readonly selfMetrics: SelfMetrics
  /** Runs the collectors that read hardware. Without it, they run in this process. */
  readonly hardware?: Hardware | undefined
}

type Sample = readonly [family: Family, value: number, labels: Labels | undefined]

/** An enabled collector and its state in one agent. */
interface RunningCollector extends EnabledCollector {
  readonly state: unknown
  /** The collector's own deadline; undefined if the shared deadline applies. */
  readonly timeoutMs: number | undefined
}

/** One collector's run in one cycle. */
interface CollectorRun {
  readonly name: string
  readonly startedMs: number
  readonly timeoutMs: number | undefined
  /** Shared by the collectors without a `timeoutMs`. */
  readonly deadline: AbortController
  readonly warnings: string[]
  /** Samples emitted after `collect` returned. They are added in the collectors' order, which is the same in each cycle. */
  readonly late: Sample[]
  /** Set if the collector is asynchronous, or runs in a helper process. */
  pending: Promise<void> | undefined
  /** When this process started to wait for it, monotonic milliseconds: after the synchronous parts of all collectors. */
  awaitedMs: number
  /** Whether the run has ended or timed out: samples that the collector still emits are dropped. */
  isDone: boolean
  error: unknown
  /** Its time without that of other collectors: its synchronous part, and the time that this process waited for it. */
  seconds: number
}

/** Returns the function that runs every collector once and resolves to the snapshot. Its calls must not overlap. */
export function createCycle(deps: Deps): Cycle {
  const { host, builder, clock, hardware } = deps
  const running = deps.enabled.map(({ collector, options }): RunningCollector => {
    const timeoutMs = collector.timeoutMs(options) ?? Number.POSITIVE_INFINITY
    const ownMs = timeoutMs < deps.deadlineMs ? timeoutMs : undefined
    return { collector, options, state: collector.state(options), timeoutMs: ownMs }
  })
  const isHardware = ({ collector }: EnabledCollector) => hardware !== undefined && collector.hardware.length > 0
  // helper processes work while the other collectors run
  const order = [...running.filter((one) => !isHardware(one)), ...running.filter(isHardware)]
  const others = order.findIndex(isHardware)
  const observed = hardware === undefined ? deps : { ...deps, host: { ...host, sys: hardware.sys } }
  const reporter = createReporter(deps)
  const add = (family: Family, value: number | undefined, labels?: Labels) => {
    if (value !== undefined) builder.add(family, value, labels)
  }

  return async (timestampMs, limits = {}) => {
    const startedMs = clock.monotonicMs()
    builder.begin()
    const parts: SampleRange[] = []
    const runs: CollectorRun[] = []
    const deadline = new AbortController()
    const start = (one: RunningCollector, run: () => CollectorRun) => {
      const from = builder.count
      runs.push(run())
      parts.push({ collector: one.collector.name, from, to: builder.count })
    }
    const startHere = (one: RunningCollector) => start(one, () => startCollector(deps, one, timestampMs, deadline))
    const startHardware = (one: RunningCollector, from: Hardware) => {
      const { name } = one.collector
      const answer = from.answerOf(name)
      if (answer !== undefined) return start(one, () => awaitAnswer(deps, name, answer, deadline))
      start(one, () => from.here(name, () => startCollector(observed, one, timestampMs, deadline)))
    }
    if (hardware === undefined || others < 0) withoutStackTraces(() => order.forEach(startHere))
    else {
      hardware.begin(timestampMs, limits)
      withoutStackTraces(() => order.slice(0, others).forEach(startHere))
      const ready = hardware.ready()
      if (ready !== undefined) await ready
      withoutStackTraces(() => {
        for (const one of order.slice(others)) startHardware(one, hardware)
      })
    }
    await awaitCollectors(
      deps,
      runs.filter(({ pending }) => pending !== undefined),
    )
    hardware?.end()
    deadline.abort(deadlinePassed)
    for (const run of runs) {
      run.deadline.abort(deadlinePassed)
      const from = builder.count
      for (const sample of run.late) builder.add(...sample)
      if (builder.count > from) parts.push({ collector: run.name, from, to: builder.count })
    }
    let slowest = runs[0]
    for (const run of runs) {
      builder.add(duration, run.seconds, { collector: run.name })
      builder.add(success, run.error === undefined ? 1 : 0, { collector: run.name })
      reporter.run(run)
      if (run.seconds > (slowest?.seconds ?? 0)) slowest = run
    }
    deps.selfMetrics(add as Emit, { samples: builder.count, seconds: (clock.monotonicMs() - startedMs) / 1000 })
    for (const tree of [host.proc, host.sys, host.rootfs, host.udev]) tree.endCycle()
    reporter.duplicates(builder.duplicates)
    return {
      snapshot: builder.end(timestampMs),
      parts,
      slowest: slowest && { collector: slowest.name, seconds: slowest.seconds },
    }
  }
}

/** Missing devices cause dozens of errors in each interval. Their stack traces are not shown and would double the cost. */
function withoutStackTraces(work: () => void): void {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    work()
  } finally {
    Error.stackTraceLimit = before
  }
}

function newRun(clock: Clock, name: string, timeoutMs: number | undefined, shared: AbortController): CollectorRun {
  const nowMs = clock.monotonicMs()
  return {
    ...{ name, startedMs: nowMs, awaitedMs: nowMs, timeoutMs },
    deadline: timeoutMs === undefined ? shared : new AbortController(),
    ...{ warnings: [], late: [], pending: undefined, isDone: false, error: undefined, seconds: 0 },
  }
}

/** `awaitCollectors` handles the rejection. It may come later than the rejection, while helper processes start. */
function handled(work: Promise<void> | undefined): Promise<void> | undefined {
  work?.catch(() => {})
  return work
}

/** The run of a collector in a helper process. */
function awaitAnswer({ clock }: Deps, name: string, answer: Promise<Answer>, shared: AbortController): CollectorRun {
  const run = newRun(clock, name, undefined, shared)
  const receive = async () => {
    const { samples, warnings, error, seconds } = await answer
    if (run.isDone) return
    run.late.push(...samples)
    run.warnings.push(...warnings)
    run.isDone = true
    run.seconds = seconds
    if (error !== undefined) throw error
  }
  run.pending = handled(receive())
  return run
}

/** Runs the synchronous part of a collector. */
function startCollector(
  deps: Deps,
  { collector, options, state, timeoutMs }: RunningCollector,
  now: number,
  shared: AbortController,
): CollectorRun {
  const { host, builder, clock, interfaces } = deps
  const run = newRun(clock, collector.name, timeoutMs, shared)
  let isSynchronous = true
  const emit = (family: Family, value: number | undefined, labels?: Labels) => {
    if (value === undefined || run.isDone) return
    if (isSynchronous) builder.add(family, value, labels)
    else run.late.push([family, value, labels])
  }
  const warn = (text: string) => {
    run.warnings.push(text)
  }
  const context = { ...host, emit: emit as Emit, now, options, state, interfaces, warn, signal: run.deadline.signal }
  try {
    run.pending = handled(collector.collect(context as Context) ?? undefined)
  } catch (error) {
    run.error = error
  }
  isSynchronous = false
  run.isDone = run.pending === undefined
  run.seconds = (clock.monotonicMs() - run.startedMs) / 1000
  return run
}

/** Shared by all cycles: creating an Error with a stack costs more than most collectors. */
const deadlinePassed = new Error('collector timeout')

/** Waits for the asynchronous collectors until the deadline. */
async function awaitCollectors({ clock, deadlineMs }: Deps, waiting: readonly CollectorRun[]): Promise<void> {
  if (waiting.length === 0) return
  const nowMs = clock.monotonicMs()
  const isOver = (run: CollectorRun) => {
    // a helper process measures the time itself
    if (!run.isDone) run.seconds += (clock.monotonicMs() - run.awaitedMs) / 1000
    run.isDone = true
  }
  const end = async (run: CollectorRun) => {
    run.awaitedMs = nowMs
    try {
      await untilTimeout(clock, run)
    } catch (error) {
      run.error = error
    }
    isOver(run)
  }
  if ((await withTimeout(clock, deadlineMs, Promise.all(waiting.map(end)))) !== 'late') return
  for (const run of waiting) {
    if (run.isDone) continue
    isOver(run)
    run.error = new Error(`no answer within ${deadlineMs} ms`)
  }
}

/** Waits for a collector. If it has its own deadline, aborts its signal there and rejects. */
async function untilTimeout(clock: Clock, { pending, startedMs, timeoutMs, deadline }: CollectorRun): Promise<void> {
  if (timeoutMs === undefined || pending === undefined) return pending
  const remainingMs = Math.max(0, startedMs + timeoutMs - clock.monotonicMs())
  if ((await withTimeout(clock, remainingMs, pending)) !== 'late') return
  deadline.abort(deadlinePassed)
  throw new Error(`no answer within ${timeoutMs} ms`)
}

const duplicateReasons: Readonly<Record<DuplicateReason, string>> = {
  duplicate: 'an earlier sample of this cycle has the same series',
  type: 'an earlier sample of this cycle has the same name and another type',
}

/** What the log says about a collector. */
interface Reported {
  text: string
  readonly state: StateRate
  readonly changes: LineRate
}

/**
 * Logs changes only: a failure when it starts, when its text changes (once a minute at most), and the recovery. The text may
 * depend on what other programs write.
 */
function createReporter({ clock, log }: Pick<Deps, 'clock' | 'log'>) {
  const all = new Map<string, Reported>()
  /** Whether to log the text of a failure, or with an empty text the recovery. */
  const isNew = (key: string, text: string) => {
    const before = all.get(key)
    if (before === undefined && text === '') return false
    const one = before ?? { text: '', state: new StateRate(clock), changes: new LineRate(clock) }
    all.set(key, one)
    const isChange = one.state.set(text !== '')
    if (one.text === text || (!isChange && !one.state.isLoggedAsBad)) return false
    if (text !== '' && one.changes.next(key, text) === undefined && !isChange) return false
    one.text = text
    return true
  }
  return {
    run({ name, error, warnings }: CollectorRun) {
      const text = [...(error === undefined ? [] : [messageOf(error)]), ...warnings].join('; ')
      if (!isNew(name, text)) return
      if (error instanceof NoData) report(log, messages.noData, { collector: name, err: text })
      else if (error !== undefined) report(log, messages.failed, { collector: name, err: text })
      else if (text !== '') report(log, messages.incomplete, { collector: name, err: text })
      else report(log, messages.recovered, { collector: name })
    },
    duplicates(samples: readonly DuplicateSample[]) {
      const [first] = samples
      const name = first === undefined ? '' : first.family.name + first.family.suffix
      const series = first === undefined ? '' : seriesText(name, Object.entries(first.labels))
      if (!isNew('', series) || first === undefined) return
      report(log, messages.duplicates, { samples: samples.length, series, reason: duplicateReasons[first.reason] })
    },
  }
}
