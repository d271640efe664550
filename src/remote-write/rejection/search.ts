import { type Identity, ownCounter } from '../../metrics/index.ts'
import type { Batch } from '../encode/batch.ts'

/** Maximum number of bisection requests per hour, so that a search does not overload the receiver. */
const perHour = 32
const hourMs = 3_600_000

/** Rate limit for bisection requests. Times are monotonic milliseconds. */
export class SearchBudget {
  #spentMs: number[] = []

  /** Requests that are allowed now. */
  left(nowMs: number): number {
    return perHour - this.#spentMs.filter((at) => nowMs - at < hourMs).length
  }

  /** Allows the full number of requests again. */
  reset(): void {
    this.#spentMs = []
  }

  /** Counts a request and returns 0, or returns how long to wait for the next one. */
  acquire(nowMs: number): number {
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

/** Creates test samples that a working receiver accepts: a separate series with the current time. */
export class RejectableProbe {
  #count = 0
  #timestampMs = 0

  /** `identity` is that of the rejected samples. */
  next(identity: Identity, nowMs: number): Batch {
    this.#timestampMs = Math.max(this.#timestampMs + 1, Math.floor(nowMs))
    const series = [{ ref: 0, family: rejections, labelValues: [], identity }]
    const snapshot = { timestampMs: this.#timestampMs, series, values: Float64Array.of(++this.#count) }
    return { entries: [{ sequence: 0, snapshot }], stale: [] }
  }
}
