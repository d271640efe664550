import { type Collector, type Context, type Emit, NoData, type Options, type Values } from '../collector.ts'
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
import { collectorMessages as messages } from './messages.ts'

const duration = gauge('node_scrape_collector_duration_seconds', 'How long a collector took.', ['collector'])
const success = gauge('node_scrape_collector_success', 'Whether a collector succeeded.', ['collector'])

/** An enabled collector and its options. */
export interface EnabledCollector {
  readonly collector: Collector
  readonly options: Values<Options>
}

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
}

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
}

type Sample = readonly [family: Family, value: number, labels: Labels | undefined]

/** An enabled collector and its state in one agent. */
interface RunningCollector extends EnabledCollector {
  readonly state: unknown
  /** Its own deadline; undefined if the shared one applies. */
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
  /** Set if the collector is asynchronous. */
  pending: Promise<void> | undefined
  /** It has ended or timed out: samples that it still emits are dropped. */
  isDone: boolean
  error: unknown
  seconds: number
}

/** Returns the function that runs every collector once and resolves to the snapshot. Its calls must not overlap. */
export function createCycle(deps: Deps): (timestampMs: number) => Promise<CollectionResult> {
  const { host, builder, clock } = deps
  const running = deps.enabled.map(({ collector, options }): RunningCollector => {
    const timeoutMs = collector.timeoutMs(options) ?? Number.POSITIVE_INFINITY
    const ownMs = timeoutMs < deps.deadlineMs ? timeoutMs : undefined
    return { collector, options, state: collector.state(options), timeoutMs: ownMs }
  })
  const reporter = createReporter(deps)
  const add = (family: Family, value: number | undefined, labels?: Labels) => {
    if (value !== undefined) builder.add(family, value, labels)
  }

  return async (timestampMs) => {
    const startedMs = clock.monotonicMs()
    builder.begin()
    const parts: SampleRange[] = []
    const runs: CollectorRun[] = []
    const deadline = new AbortController()
    withoutStackTraces(() => {
      for (const one of running) {
        const from = builder.count
        runs.push(startCollector(deps, one, timestampMs, deadline))
        parts.push({ collector: one.collector.name, from, to: builder.count })
      }
    })
    await awaitCollectors(
      deps,
      runs.filter(({ pending }) => pending !== undefined),
    )
    deadline.abort(deadlinePassed)
    for (const run of runs) {
      run.deadline.abort(deadlinePassed)
      const from = builder.count
      for (const sample of run.late) builder.add(...sample)
      if (builder.count > from) parts.push({ collector: run.name, from, to: builder.count })
    }
    for (const run of runs) {
      builder.add(duration, run.seconds, { collector: run.name })
      builder.add(success, run.error === undefined ? 1 : 0, { collector: run.name })
      reporter.run(run)
    }
    deps.selfMetrics(add as Emit, { samples: builder.count, seconds: (clock.monotonicMs() - startedMs) / 1000 })
    for (const tree of [host.proc, host.sys, host.rootfs, host.udev]) tree.endCycle()
    reporter.duplicates(builder.duplicates)
    return { snapshot: builder.end(timestampMs), parts }
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

/** Runs the synchronous part of a collector. */
function startCollector(
  deps: Deps,
  { collector, options, state, timeoutMs }: RunningCollector,
  now: number,
  shared: AbortController,
): CollectorRun {
  const { host, builder, clock, interfaces } = deps
  const run: CollectorRun = {
    name: collector.name,
    startedMs: clock.monotonicMs(),
    timeoutMs,
    deadline: timeoutMs === undefined ? shared : new AbortController(),
    warnings: [],
    late: [],
    pending: undefined,
    isDone: false,
    error: undefined,
    seconds: 0,
  }
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
    run.pending = collector.collect(context as Context) ?? undefined
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
  const end = async (run: CollectorRun) => {
    try {
      await untilTimeout(clock, run)
    } catch (error) {
      run.error = error
    }
    run.isDone = true
    run.seconds = (clock.monotonicMs() - run.startedMs) / 1000
  }
  if ((await withTimeout(clock, deadlineMs, Promise.all(waiting.map(end)))) !== 'late') return
  for (const run of waiting) {
    if (run.isDone) continue
    run.isDone = true
    run.error = new Error(`no answer within ${deadlineMs} ms`)
    run.seconds = (clock.monotonicMs() - run.startedMs) / 1000
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
      else if (text !== '') report(log, messages.failed, { collector: name, err: text })
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
