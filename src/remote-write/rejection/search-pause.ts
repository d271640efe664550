import type { Wait } from '../../http/index.ts'
import type { Series } from '../../metrics/index.ts'
import type { Clock } from '../../util/clock.ts'
import type { Batch } from '../encode/batch.ts'
import { wholeRange } from './bisect.ts'
import type { Exclusions } from './exclusions.ts'
import { only, type Range } from './range.ts'
import type { Rejections } from './rejections.ts'
import type { SearchBudget } from './search.ts'

interface Deps {
  readonly clock: Clock
  readonly wait: Wait
  readonly budget: SearchBudget
  readonly exclusions: Exclusions
  readonly rejections: Rejections
}

/** Time between two attempts while delivery is paused. */
export const pauseMs = 60_000

/** The pause of an atomic receiver when the budget of bisection requests is used up. */
export class SearchPause {
  readonly #deps: Deps

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /**
   * Waits until a bisection request is allowed, and counts it. While it waits, a single snapshot is sent as a whole once a
   * minute by `probe`. Returns true if the receiver accepts that. A later snapshot would not do: after it, this one would
   * be out of order.
   */
  async isAccepted(
    range: Range,
    reason: string,
    probe: (batch: Batch) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { clock, wait, budget, exclusions, rejections } = this.#deps
    for (;;) {
      const waitMs = budget.acquire(clock.monotonicMs())
      if (waitMs === 0) return false
      rejections.tooMany(reason, waitMs)
      await wait.wait(Math.min(waitMs, pauseMs), signal)
      const [all] = range.entries.length > 1 ? [] : wholeRange(1, range.width, true)
      if (all === undefined || budget.left(clock.monotonicMs()) > 0) continue
      const isNew = (series: Series) => !exclusions.has(series) // the others are dead letters already
      const { entries, stale } = range.cut(all)
      const batch = { entries: entries.map((one) => ({ ...one, snapshot: only(one.snapshot, isNew) })), stale }
      if (!(await probe(batch))) continue
      exclusions.clear()
      return true
    }
  }
}
