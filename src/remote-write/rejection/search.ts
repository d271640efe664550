import type { Wait } from '../../http/index.ts'
import { type Identity, ownCounter } from '../../metrics/index.ts'

import type { Clock } from '../../util/clock.ts'
import type { Batch } from '../encode/batch.ts'

/** Requests that search for an offending series: so many an hour, lest a search become an attack. */
const perHour = 32
const hourMs = 3_600_000

interface Deps {
  readonly clock: Clock
  readonly wait: Wait
}

/** What is left of the hour's splitting requests. Times are monotonic milliseconds. */
export class SearchBudget {
  #spentMs: number[] = []

  /** Takes one, however long that may have to wait; `onSpent` is told of each wait. */
  async wait({ clock, wait }: Deps, onSpent: (waitMs: number) => void, signal: AbortSignal): Promise<void> {
    for (let waitMs = this.take(clock.monotonicMs()); waitMs > 0; waitMs = this.take(clock.monotonicMs())) {
      onSpent(waitMs)
      await wait.wait(waitMs, signal)
    }
  }

  /** Takes one, or tells how long to wait for it. */
  take(nowMs: number): number {
    this.#spentMs = this.#spentMs.filter((at) => nowMs - at < hourMs)
    const [oldest] = this.#spentMs
    if (oldest !== undefined && this.#spentMs.length >= perHour) return hourMs - (nowMs - oldest)
    this.#spentMs.push(nowMs)
    return 0
  }
}

const rejections = ownCounter(
  'hostpush_refusals_total',
  'Test samples sent to find out if the receiver accepts anything, after it rejected all samples of a request.',
)

/** A sample that any receiver takes which takes samples at all: of a series of its own, and of now. */
export class RejectableProbe {
  #count = 0
  #timestampMs = 0

  /** `whose` is the identity of what was refused. */
  next(theirs: Identity, nowMs: number): Batch {
    this.#timestampMs = Math.max(this.#timestampMs + 1, Math.floor(nowMs))
    const series = [{ ref: 0, family: rejections, labelValues: [], identity: theirs }]
    const snapshot = { timestampMs: this.#timestampMs, series, values: Float64Array.of(++this.#count) }
    return { entries: [{ sequence: 0, snapshot }], stale: [] }
  }
}
