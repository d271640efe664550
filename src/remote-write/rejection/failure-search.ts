import type { Outcome } from '../../http/index.ts'
import type { Batch } from '../encode/batch.ts'
import { halvesOf, type PendingSlices, type Slice } from './bisect.ts'

interface Deps {
  /** Sends a slice once. `pending`: everything that has no answer, this slice included. */
  readonly attempt: (slice: Slice, pending: PendingSlices) => Promise<Outcome>
  /** Sends a real sample of this host, which the receiver has, once; undefined if there is none. */
  readonly probe: () => Promise<Outcome | undefined>
  /** The receiver fails at this sample only. */
  readonly onFailing: (slice: Slice) => Promise<void>
}

/** Failures of a request, each directly after an accepted probe, that make the request itself the cause. */
const confirmations = 2

/**
 * Finds the sample at which a receiver fails with HTTP 5xx again and again, by bisection. Each request comes directly after a
 * probe: a sample of this host that the receiver accepts again. An empty request would prove nothing, because Mimir answers
 * it before it asks an ingester. A probe that fails ends the search without a verdict: the receiver is down.
 */
export class FailureSearch {
  readonly #deps: Deps

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Returns what is pending after the search. */
  async run(work: PendingSlices): Promise<PendingSlices> {
    const rest = work.slice(0, -1)
    let pending: PendingSlices = work.slice(-1)
    const [first] = pending
    if (first === undefined || !(await this.#fails(first, work))) return work
    pending = halvesOf(first).toReversed()
    for (let slice = pending.at(-1); slice !== undefined; slice = pending.at(-1)) {
      const all = [...rest, ...pending]
      const halves = halvesOf(slice)
      if (halves.length === 1) {
        if (!(await this.#fails(slice, all))) return all
        await this.#deps.onFailing(slice)
        pending = pending.slice(0, -1)
        continue
      }
      const answer = await this.#answer(slice, all)
      if (answer === 'delivered') pending = pending.slice(0, -1)
      else if (answer === 'fails') pending = [...pending.slice(0, -1), ...halves.toReversed()]
      else return all
    }
    return rest
  }

  /** Whether the receiver fails at this slice again, each time after it has accepted the probe. */
  async #fails(slice: Slice, pending: PendingSlices): Promise<boolean> {
    for (let i = 0; i < confirmations; i++) if ((await this.#answer(slice, pending)) !== 'fails') return false
    return true
  }

  async #answer(slice: Slice, pending: PendingSlices): Promise<'delivered' | 'fails' | 'other'> {
    const probe = await this.#deps.probe()
    if (probe?.kind !== 'delivered') return 'other'
    const outcome = await this.#deps.attempt(slice, pending)
    if (outcome.kind === 'delivered') return 'delivered'
    return outcome.kind !== 'rejected' && (outcome.status ?? 0) >= 500 ? 'fails' : 'other'
  }
}

/** One sample of the newest snapshot of a batch; undefined if it has none, or if its samples have timestamps. */
export function sampleOf({ entries }: Batch): Batch | undefined {
  const newest = entries.at(-1)
  const [series] = newest?.snapshot.series ?? []
  if (newest === undefined || series === undefined || newest.snapshot.ownTimestampsMs !== undefined) return undefined
  const snapshot = { ...newest.snapshot, series: [series], values: newest.snapshot.values.slice(0, 1) }
  return { entries: [{ sequence: newest.sequence, snapshot }], stale: [] }
}
