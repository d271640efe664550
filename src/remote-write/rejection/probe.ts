import { ownCounter } from '../../metrics/family.ts'
import type { Identity } from '../../metrics/series.ts'
import type { Batch } from '../encode/batch.ts'

const rejections = ownCounter(
  'hostpush_refusals_total',
  'Times that a receiver refused all of a snapshot and was asked whether it takes anything; sent only then.',
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
