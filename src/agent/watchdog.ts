import type { Watched } from '../output.ts'
import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import { watchdogMessages } from './messages.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  /** The parts that the watchdog watches now. */
  readonly watched: () => readonly Watched[]
  readonly everyMs: number
  /** Called at each check at which every part makes progress. */
  readonly onWell: () => void
  /** The process may exit when restarting a part does not help. */
  readonly mayEnd: boolean
}

/** Restarts of one part without progress before the process exits. */
export const maxRestarts = 3

/**
 * Restarts each watched part that makes no progress, until the signal aborts. Resolves to the name of a part that makes
 * no progress after `maxRestarts` restarts; to undefined if the signal aborted first.
 */
export async function watch(
  { clock, log, watched, everyMs, onWell, mayEnd }: Deps,
  signal: AbortSignal,
): Promise<string | undefined> {
  const restarts = new WeakMap<Watched, { readonly times: number; readonly completed: number }>()
  for (let beforeMs = clock.monotonicMs(); ; ) {
    await clock.sleep(everyMs, signal).catch(() => {}) // the next line handles the abort
    if (signal.aborted) return undefined
    const nowMs = clock.monotonicMs()
    const wasSuspended = nowMs - beforeMs > 3 * everyMs // the whole process was suspended: no part could make progress
    beforeMs = nowMs
    const stuck = watched().filter((one) => one.stalledMs() > 0)
    if (wasSuspended) continue
    if (stuck.length === 0) onWell()
    for (const one of stuck) {
      const previous = restarts.get(one)
      const times = previous?.completed === one.completed ? previous.times + 1 : 1
      if (times > maxRestarts && mayEnd) return one.name
      restarts.set(one, { times, completed: one.completed })
      report(log, watchdogMessages.restarting, {
        name: one.name,
        stalled: `${Math.round(one.stalledMs() / 1000)}s`,
        times,
      })
      one.restart()
    }
  }
}
