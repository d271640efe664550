import type { Watched } from '../output.ts'
import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import { watchdogMessages } from './messages.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  /** Those who are watched at this moment. */
  readonly watched: () => readonly Watched[]
  readonly everyMs: number
  /** All of them move. */
  readonly onWell: () => void
  /** Whether the process may end when nothing else helps. */
  readonly mayEnd: boolean
}

/** So often one is begun anew that brings nothing to an end; then only a new process may help. */
const maxRestarts = 3

/**
 * Looks after those who must not stand still until the signal aborts: one that does is said and begun anew. Gives the
 * name of one for whom that was no help.
 */
export async function watch(
  { clock, log, watched, everyMs, onWell, mayEnd }: Deps,
  signal: AbortSignal,
): Promise<string | undefined> {
  const revived = new WeakMap<Watched, { readonly times: number; readonly progress: number }>()
  for (let beforeMs = clock.monotonicMs(); ; ) {
    await clock.sleep(everyMs, signal).catch(() => {}) // seen in the next line
    if (signal.aborted) return undefined
    const nowMs = clock.monotonicMs()
    const wasHeldUp = nowMs - beforeMs > 3 * everyMs // the whole process was: nobody could move
    beforeMs = nowMs
    const stuck = watched().filter((one) => one.stalledMs() > 0)
    if (wasHeldUp) continue
    if (stuck.length === 0) onWell()
    for (const one of stuck) {
      const known = revived.get(one)
      const times = known?.progress === one.completed ? known.times + 1 : 1
      if (times > maxRestarts && mayEnd) return one.name
      revived.set(one, { times, progress: one.completed })
      report(log, watchdogMessages.restarting, {
        name: one.name,
        stalled: `${Math.round(one.stalledMs() / 1000)}s`,
        times,
      })
      one.restart()
    }
  }
}
