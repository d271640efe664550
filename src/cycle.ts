import { type Clock, within } from './clock.ts'
import { type Collector, type Context, type Emit, NoData, type Options, type Values } from './collector.ts'
import type { Dir } from './host/dir.ts'
import { type Log, messageOf } from './log.ts'
import { type Family, gauge, type Labels } from './metrics/family.ts'
import type { Filter } from './metrics/pattern.ts'
import type { Snapshot, SnapshotBuilder } from './metrics/snapshot.ts'

const duration = gauge('node_scrape_collector_duration_seconds', 'How long a collector took.', ['collector'])
const success = gauge('node_scrape_collector_success', 'Whether a collector succeeded.', ['collector'])

/** The host's trees, as collectors see them. */
export interface Host {
  readonly proc: Dir
  readonly sys: Dir
  readonly rootfs: Dir
  readonly udev: Dir
}

/** A collector that is switched on, with what it was told. */
export interface Enabled {
  readonly collector: Collector
  readonly options: Values<Options>
}

/** Which samples of a snapshot a collector emitted: `from` up to, not with, `to`. */
export interface Part {
  readonly collector: string
  readonly from: number
  readonly to: number
}

/** A snapshot and who made which part of it. */
export interface Cycle {
  readonly snapshot: Snapshot
  readonly parts: readonly Part[]
}

/** Families that are not a collector's: the agent's own. Called last in every cycle. */
export type OwnFamilies = (emit: Emit, soFar: { readonly samples: number; readonly seconds: number }) => void

interface Needs {
  readonly host: Host
  readonly enabled: readonly Enabled[]
  readonly interfaces: Filter
  readonly builder: SnapshotBuilder
  readonly clock: Clock
  readonly log: Log
  /** Time that a collector which waits for something may take. */
  readonly deadlineMs: number
  readonly own: OwnFamilies
}

type Sample = readonly [family: Family, value: number, labels: Labels | undefined]

/** One collector's run in one cycle. */
interface Run {
  readonly name: string
  readonly pending: Promise<string> | undefined
  readonly samples: Sample[]
  seconds: number
  /** Empty where it succeeded. */
  failure: string
  close(): void
}

/** Makes the function that runs every collector once and gives the snapshot. Its calls must not overlap. */
export function createCycle(needs: Needs): (timestampMs: number) => Promise<Cycle> {
  const { host, builder, clock, log } = needs
  const running = needs.enabled.map((one) => ({ ...one, state: one.collector.state(one.options) }))
  const said = new Map<string, string>()

  const start = ({ collector, options, state }: (typeof running)[number], now: number): Run => {
    const begun = clock.monotonicMs()
    const deadline = new AbortController()
    const samples: Sample[] = []
    const problems: string[] = []
    let open = true
    let direct = true
    const emit = (family: Family, value: number | undefined, labels?: Labels) => {
      if (value === undefined || !open) return
      if (direct) builder.add(family, value, labels)
      else samples.push([family, value, labels])
    }
    const context = {
      ...host,
      emit: emit as Emit,
      now,
      options,
      state,
      interfaces: needs.interfaces,
      signal: deadline.signal,
    }
    const problem = (text: string) => problems.push(text)
    const ended = (error?: unknown): string => {
      run.seconds = (clock.monotonicMs() - begun) / 1000
      report(collector.name, error, problems)
      return error === undefined ? '' : messageOf(error)
    }
    const run: Run = {
      name: collector.name,
      samples,
      seconds: 0,
      failure: '',
      pending: undefined,
      close() {
        open = false
        deadline.abort(new Error('the deadline of this collector has passed'))
      },
    }
    try {
      const result = collector.collect({ ...context, problem } as Context)
      direct = false
      if (result === undefined) run.failure = ended()
      else return Object.assign(run, { pending: result.then(() => ended(), ended) })
    } catch (error) {
      run.failure = ended(error) || 'failed'
    }
    return run
  }

  /** Logs what is new about a collector, once while it lasts. */
  const report = (name: string, error: unknown, problems: readonly string[]) => {
    const text = [...(error === undefined ? [] : [messageOf(error)]), ...problems].join('; ')
    const before = said.get(name) ?? ''
    if (text === before) return
    said.set(name, text)
    if (error instanceof NoData) log.debug('collector: no data', { collector: name, err: text })
    else if (text !== '') log.error('collector: failed', { collector: name, err: text })
    else log.info('collector: recovered', { collector: name })
  }

  const finish = async (run: Run) => {
    if (run.pending === undefined) return
    const failure = await within(clock, needs.deadlineMs, run.pending)
    run.failure = failure === 'late' ? 'deadline' : failure
    run.close()
    if (failure !== 'late') return
    run.seconds = needs.deadlineMs / 1000
    report(run.name, new Error(`no answer within ${needs.deadlineMs} ms`), [])
  }

  return async (timestampMs) => {
    const begun = clock.monotonicMs()
    builder.begin()
    const parts: Part[] = []
    const runs: Run[] = []
    for (const one of running) {
      const from = builder.count
      runs.push(start(one, timestampMs))
      parts.push({ collector: one.collector.name, from, to: builder.count })
    }
    await Promise.all(runs.map(finish))
    for (const run of runs) {
      const from = builder.count
      for (const [family, value, labels] of run.samples) builder.add(family, value, labels)
      if (builder.count > from) parts.push({ collector: run.name, from, to: builder.count })
    }
    for (const { name, seconds, failure } of runs) {
      builder.add(duration, seconds, { collector: name })
      builder.add(success, failure === '' ? 1 : 0, { collector: name })
    }
    needs.own(
      ((family: Family, value: number | undefined, labels?: Labels) => {
        if (value !== undefined) builder.add(family, value, labels)
      }) as Emit,
      { samples: builder.count, seconds: (clock.monotonicMs() - begun) / 1000 },
    )
    for (const tree of [host.proc, host.sys, host.rootfs, host.udev]) tree.settle()
    clashes(builder, log, said)
    return { snapshot: builder.end(timestampMs), parts }
  }
}

/** Says which samples were left out because a series came twice or with two types. */
function clashes(builder: SnapshotBuilder, log: Log, said: Map<string, string>): void {
  const [first] = builder.refused
  const text =
    first === undefined
      ? ''
      : `${first.reason} ${first.family.name}${first.family.suffix} ${JSON.stringify(first.labels)}`
  if (text === (said.get('') ?? '')) return
  said.set('', text)
  if (first !== undefined) log.error('collectors: samples left out', { samples: builder.refused.length, first: text })
}
