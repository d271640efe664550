import type { SpoolAdoption } from '../batch/index.ts'
import type { CollectionResult, Ingest } from '../collect/index.ts'

import type { Notify } from '../host/index.ts'
import type { SnapshotConsumer, Undelivered, Watched } from '../output.ts'
import { type Clock, every } from '../util/clock.ts'
import { createDeadline } from '../util/deadline.ts'
import { type Log, messageOf, report } from '../util/log.ts'
import { messages } from './messages.ts'
import { watch } from './watchdog.ts'

/** Who started the agent and wants to know how it fares. */
export interface Supervisor {
  readonly notify: Notify
  /** How long it waits for a sign of life, milliseconds; undefined where it does not. */
  readonly watchdogMs?: number | undefined
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly supervisor?: Supervisor
}

/** How often everyone is looked after, and what a collection may take when all goes wrong. */
const checkMs = 10_000
const maxCollectionMs = 120_000

export interface Schedule {
  readonly intervalMs: number
  readonly flushTimeoutMs: number
  readonly changed: AbortSignal
}

export interface LoopParts {
  readonly ingest: Ingest
  readonly cycle: (timestampMs: number) => Promise<CollectionResult>
  /** How often to collect, until `over`: then it may be another one. */
  readonly schedule: () => Schedule
  readonly consumers: () => readonly SnapshotConsumer[]
  readonly adoption: SpoolAdoption
  /** Ends the series of this host where it is going down. */
  readonly end: () => Promise<void>
  readonly watched: () => readonly Watched[]
  /** Nothing is lost when the process ends. */
  readonly mayEnd: boolean
  /** How the outputs fare, in one line, and those that have not got all. */
  readonly outputSet: { readonly status: string; readonly undelivered: readonly Undelivered[] }
  readonly close: () => Promise<void>
}

/** The loop of the agent and its end. */
export function createLoop({ clock, log, supervisor }: Deps, parts: LoopParts) {
  const { ingest, cycle, schedule, consumers, adoption, outputSet, close } = parts
  const notify = supervisor?.notify ?? (() => {})
  const everyMs = Math.min(checkMs, (supervisor?.watchdogMs ?? Number.POSITIVE_INFINITY) / 2)
  const collecting = new Collecting(clock, () => schedule().intervalMs)
  const collect = async (isLast: boolean) => {
    const cycled = await cycle(ingest.startCycle())
    const seen = isLast ? { ...cycled, snapshot: { ...cycled.snapshot, isLast: true as const } } : cycled
    ingest.add(seen)
    for (const output of consumers()) guarded(log, output, seen)
    collecting.done()
  }
  return async (signal: AbortSignal): Promise<readonly Undelivered[]> => {
    const ending = new AbortController()
    const end = AbortSignal.any([signal, ending.signal])
    const watched = () => [collecting, ...parts.watched()]
    const onWell = () => notify('WATCHDOG=1', `STATUS=${outputSet.status}`)
    const { mayEnd } = parts
    const watching = watch({ clock, log, watched, everyMs, onWell, mayEnd }, end).then((hopeless) => {
      ending.abort(new Error('the agent ends'))
      return hopeless
    })
    const adopted = adoption.run(end)
    notify('READY=1', 'STATUS=collecting')
    while (!end.aborted) {
      const { intervalMs, changed } = schedule()
      for await (const { missed } of every(clock, intervalMs, AbortSignal.any([end, changed]))) {
        if (missed > 0) report(log, messages.missedIntervals, { missed })
        await collect(false)
      }
    }
    notify('STOPPING=1', 'STATUS=delivering the rest')
    const hopeless = await watching
    await collect(true)
    ingest.end()
    await parts.end()
    await adopted
    const deadline = createDeadline(clock, schedule().flushTimeoutMs)
    await Promise.all(consumers().map((output) => output.stop(deadline.signal)))
    deadline.clear()
    const { undelivered } = outputSet
    await close()
    if (hopeless !== undefined)
      throw new Error(`watchdog: ${hopeless} stands still and begins nothing anew: ended, to be started again`)
    return undelivered
  }
}

/** The collecting itself, as one of those who must not stand still. */
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

  /** Nothing can be done but to wait once more. */
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
