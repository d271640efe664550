import type { Cursor } from '../../buffer/index.ts'
import type { Outcome } from '../../http/index.ts'
import type { Batch } from '../encode/batch.ts'
import type { RequestSender } from '../request-sender.ts'
import type { RequestSize } from '../request-size.ts'
import type { Relabeller } from '../series/relabel.ts'
import type { PendingSlices } from './bisect.ts'
import { FailureSearch, sampleOf } from './failure-search.ts'
import type { Range } from './range.ts'
import type { Rejections } from './rejections.ts'

interface Deps {
  readonly cursor: Cursor
  readonly relabeller: Relabeller
  readonly size: RequestSize
  readonly requests: RequestSender
  readonly rejections: Rejections
}

interface Context {
  /** Marks slices as in flight, before a request. */
  readonly mark: (pending: PendingSlices) => Promise<void>
  /** Called with the answer to each probe: the receiver may have stopped supporting a version of the protocol. */
  readonly hasDowngraded: (probe: Outcome) => Promise<boolean> | false
  readonly signal: AbortSignal
}

const reason = 'the receiver fails with HTTP 5xx for this sample and accepts others'

/** A range at which the receiver fails with the same HTTP 5xx for a long time. */
export class LastingFailure {
  readonly #deps: Deps
  readonly #range: Range

  constructor(deps: Deps, range: Range) {
    this.#deps = deps
    this.#range = range
  }

  /**
   * Finds the sample that is the cause. `accepted`: a sample that the receiver has; it serves as the probe. Returns what is
   * pending then, and a sample that the receiver has then.
   */
  async resolve(work: PendingSlices, accepted: Batch | undefined, { mark, hasDowngraded, signal }: Context) {
    const { requests, rejections, size } = this.#deps
    let sample = accepted ?? (await this.#deliveredSample())
    let largest = 0
    let isFound = false
    const search = new FailureSearch({
      attempt: async (slice, pending) => {
        await mark(pending)
        const batch = this.#range.cut(slice)
        const outcome = await requests.attempt(batch, signal)
        if (outcome.kind !== 'delivered') return outcome
        sample = sampleOf(batch) ?? sample // the newest of its series: an older one would be out of order
        largest = Math.max(largest, samplesIn(batch))
        return outcome
      },
      probe: async () => {
        const outcome = sample && (await requests.attempt(sample, signal))
        if (outcome !== undefined) await hasDowngraded(outcome)
        return outcome
      },
      onFailing: async (slice) => {
        isFound = true
        await rejections.series(this.#range, { slice, reason })
      },
    })
    const pending = await search.run(work)
    if (!isFound && pending.length < work.length) await size.restore(largest) // the request was too large
    return { pending, accepted: sample }
  }

  /** A sample of this host that the receiver has, and accepts again as an exact duplicate. */
  async #deliveredSample(): Promise<Batch | undefined> {
    const { cursor, relabeller } = this.#deps
    const last = await cursor.lastDelivered(Number.NEGATIVE_INFINITY)
    return last === undefined ? undefined : sampleOf({ entries: [relabeller.counted(last)], stale: [] })
  }
}

const samplesIn = ({ entries }: Batch) => entries.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
