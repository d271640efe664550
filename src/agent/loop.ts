import type { SpoolAdoption } from '../batch/index.ts'
import type { CollectionResult, Cycle, Ingest } from '../collect/index.ts'

import type { Notify } from '../host/index.ts'
import type { SnapshotConsumer, Undelivered, Watched } from '../output.ts'
import { type Clock, every, type Schedule as Interval, type Tick } from '../util/clock.ts'
import { createDeadline } from '../util/deadline.ts'
import { type Log, messageOf, report } from '../util/log.ts'
import { messages } from './messages.ts'
import { maxRestarts, watch } from './watchdog.ts'

/** The process that started the agent and watches it: systemd. */
export interface Supervisor {
  readonly notify: Notify
  /** Maximum time between two keep-alive notifications, in milliseconds; undefined if the supervisor has no watchdog. */
  readonly watchdogMs?: number | undefined
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly supervisor?: Supervisor
}

/** Interval of the watchdog's checks. */
const checkMs = 10_000
/** A collection should take at most this part of the time until the next one. */
const partOfRest = 0.8
/** A collection that takes longer counts as stalled. */
const maxCollectionMs = 120_000

/** A stop that takes longer is explained in the log. */
const reportMs = 1000

export interface Schedule extends Interval {
  readonly flushTimeoutMs: number
  /** Aborts when a reload changes the interval. */
  readonly changed: AbortSignal
}

export interface LoopParts {
  readonly ingest: Ingest
  readonly cycle: Cycle
  /** The current schedule, valid until its `changed` aborts. */
  readonly schedule: () => Schedule
  readonly consumers: () => readonly SnapshotConsumer[]
  readonly adoption: SpoolAdoption
  /** Ends the series of this host with stale markers if the host is shutting down. */
  readonly end: () => Promise<void>
  readonly watched: () => readonly Watched[]
  /** The process may exit without losing samples. */
  readonly mayEnd: boolean
  /** `status`: the state of all outputs in one line. */
  readonly outputSet: { readonly status: string; readonly undelivered: readonly Undelivered[] }
  readonly close: () => Promise<void>
}

/** The agent's main loop and its shutdown. */
export function createLoop({ clock, log, supervisor }: Deps, parts: LoopParts) {
  const { ingest, cycle, schedule, consumers, adoption, outputSet, close } = parts
  const notify = supervisor?.notify ?? (() => {})
  const everyMs = Math.min(checkMs, (supervisor?.watchdogMs ?? Number.POSITIVE_INFINITY) / 2)
  const collecting = new Collecting(clock, () => schedule().intervalMs)
  let previous: Collected | undefined
  const collect = async (due: (Tick & { readonly intervalMs: number }) | 'last', stop: AbortSignal) => {
    const isLast = due === 'last'
    const startedMs = clock.monotonicMs()
    const cycled = await cycle(
      ingest.startCycle(isLast ? undefined : due),
      isLast ? { stop } : { stop, withinMs: due.leftMs * partOfRest },
    )
    previous = { ms: clock.monotonicMs() - startedMs, slowest: cycled.slowest }
    const when = isLast ? { isLast: true as const } : { slot: due.slot, scheduledMs: due.scheduledMs }
    const result = { ...cycled, snapshot: { ...cycled.snapshot, ...when } }
    ingest.add(result)
    for (const output of consumers()) guarded(log, output, result)
    collecting.done()
  }
  return async (signal: AbortSignal): Promise<readonly Undelivered[]> => {
    const ending = new AbortController()
    const end = AbortSignal.any([signal, ending.signal])
    const watched = () => [collecting, ...parts.watched()]
    const onWell = () => notify('WATCHDOG=1', `STATUS=${outputSet.status}`)
    const { mayEnd } = parts
    const watching = watch({ clock, log, watched, everyMs, onWell, mayEnd }, end).then((name) => {
      ending.abort(new Error('the agent ends'))
      return name
    })
    const adopted = adoption.run(end)
    notify('READY=1', 'STATUS=collecting')
    while (!end.aborted) {
      const { intervalMs, offsetMs, changed } = schedule()
      for await (const tick of every(clock, { intervalMs, offsetMs }, AbortSignal.any([end, changed]))) {
        if (tick.missed > 0)
          report(log, messages.missedIntervals, { missed: tick.missed, ...causeIn(previous, intervalMs) })
        await collect({ ...tick, intervalMs }, end)
      }
    }
    notify('STOPPING=1', 'STATUS=delivering the rest')
    const stuckName = await watching
    await collect('last', AbortSignal.abort())
    ingest.end()
    await parts.end()
    await adopted
    const { flushTimeoutMs } = schedule()
    const deadline = createDeadline(clock, flushTimeoutMs)
    const cancel = clock.timer(reportMs, () => {
      const at_most = `${Math.ceil((flushTimeoutMs - reportMs) / 1000)}s`
      for (const { name, isBuffered: _, ...about } of outputSet.undelivered)
        report(log, messages.stopWaits, { remote_name: name, ...about, at_most })
    })
    await Promise.all(consumers().map((output) => output.stop(deadline.signal)))
    cancel()
    deadline.clear()
    const { undelivered } = outputSet
    await close()
    if (stuckName !== undefined)
      throw new Error(
        `watchdog: ${stuckName} makes no progress after ${maxRestarts} restarts; the agent stops so that the supervisor restarts it`,
      )
    return undelivered
  }
}

/** How long a collection took, and its slowest collector. */
interface Collected {
  readonly ms: number
  readonly slowest: CollectionResult['slowest']
}

/** Fields about the collection that was the cause of missed intervals; none if it was not, as when the host was suspended. */
function causeIn(collected: Collected | undefined, intervalMs: number) {
  if (collected?.slowest === undefined || collected.ms < intervalMs * 0.9) return {}
  const { ms, slowest } = collected
  const secondsText = (seconds: number) => `${seconds.toFixed(1)}s`
  return {
    collection: secondsText(ms / 1000),
    collector: slowest.collector,
    collector_duration: secondsText(slowest.seconds),
  }
}

/** Lets the watchdog watch the collection, as it watches the outputs. */
class Collecting implements Watched {
  readonly name = 'collecting'
  completed = 0
  readonly #clock: Clock
  readonly #intervalMs: () => number
  #lastMs: number

  constructor(clock: Clock, intervalMs: () => number) {
    this.#clock = clock
    this.#intervalMs = intervalMs
    this.#lastMs = clock.monotonicMs()
  }

  done(): void {
    this.completed++
    this.#lastMs = this.#clock.monotonicMs()
  }

  stalledMs(): number {
    const allowedMs = 3 * this.#intervalMs() + maxCollectionMs
    return Math.max(0, this.#clock.monotonicMs() - this.#lastMs - allowedMs)
  }

  /** A collection cannot be restarted: the watchdog waits once more. */
  restart(): void {
    this.#lastMs = this.#clock.monotonicMs()
  }
}

/** A broken output does not stop the others. */
function guarded(log: Log, output: SnapshotConsumer, cycle: CollectionResult): void {
  try {
    output.onSnapshot(cycle)
  } catch (error) {
    report(log, messages.outputFailed, { output: output.name, err: messageOf(error) })
  }
}
