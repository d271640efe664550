import type { Entry } from '../../buffer/index.ts'
import type { Series, Snapshot } from '../../metrics/index.ts'

import { type Batch, batchOf } from '../encode/batch.ts'
import { extent, isArrivalProbe, type Slice } from './bisect.ts'

/** What of a range is not to be sent: series that the receiver refuses, entries that are too old for it. */
export interface Excluded {
  readonly series: ReadonlySet<Series>
  readonly olderThanMs: number
}

/**
 * Snapshots that are sent together, and the pieces they may have to be cut into. Places of entries and series are those
 * of the snapshots as they were read, whatever is left out of them: so a note that a crash has left means the same
 * pieces to the agent after it.
 */
export class Range {
  readonly entries: readonly Entry[]
  readonly #excluded: Excluded
  /** All that is to be sent, the refused series still with it. */
  readonly #batch: Batch
  #order: Map<Series, number> | undefined

  /** `before` are the series of the last snapshot that this endpoint got. */
  constructor(entries: readonly Entry[], before: readonly Series[], excluded: Excluded) {
    this.entries = entries
    this.#excluded = excluded
    this.#batch = batchOf(entries.filter(this.#isYoung), before)
  }

  /** The numbers of its first and last snapshot. */
  get bounds() {
    return { first: this.entries[0]?.sequence ?? 0, last: this.entries.at(-1)?.sequence ?? 0 }
  }

  /** How many series there are; their places in the range are from 0 up to this, the same whenever it is read. */
  get width(): number {
    const [first, ...others] = this.entries
    const alike =
      this.#batch.stale.length === 0 && others.every((one) => one.snapshot.series === first?.snapshot.series)
    return alike ? (first?.snapshot.series.length ?? 0) : this.#places().size
  }

  /** All samples, those that are left out with them. */
  get samples(): number {
    return this.entries.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
  }

  /** What a piece sends. */
  cut(piece: Slice): Batch {
    const { from, to, low, high } = extent(piece)
    const isRangeRejected = from === 0 && to === this.entries.length && low === 0 && high >= this.width
    const { series: left } = this.#excluded
    if (isRangeRejected && left.size === 0) return this.#batch
    const places = this.#places()
    const isIn = (series: Series) => {
      const place = places.get(series) ?? -1
      return place >= low && place < high && !left.has(series)
    }
    const entries = this.entries
      .slice(from, to)
      .filter(this.#isYoung)
      .map((entry) => ({ ...entry, snapshot: only(entry.snapshot, isIn) }))
    const times = new Set(entries.map(({ snapshot }) => snapshot.timestampMs))
    return { entries, stale: this.#batch.stale.filter((one) => times.has(one.timestampMs) && isIn(one.series)) }
  }

  readonly #isYoung = ({ snapshot }: Entry): boolean => snapshot.timestampMs >= this.#excluded.olderThanMs

  /** In the order of their first appearance. */
  #places(): Map<Series, number> {
    if (this.#order !== undefined) return this.#order
    const order = new Map<Series, number>()
    for (const { snapshot } of this.entries) {
      for (const series of snapshot.series) if (!order.has(series)) order.set(series, order.size)
    }
    for (const { series } of this.#batch.stale) if (!order.has(series)) order.set(series, order.size)
    this.#order = order
    return order
  }
}

/** A question whose answer tells nothing: the end of a series is taken whether it had arrived or not. */
export const isInVain = ({ step }: Slice, { entries }: Batch): boolean =>
  isArrivalProbe(step) && entries.every(({ snapshot }) => snapshot.series.length === 0)

/** The part of a snapshot that these series are. */
export function only(snapshot: Snapshot, isIn: (series: Series) => boolean): Snapshot {
  const kept = snapshot.series.flatMap((series, i) => (isIn(series) ? [i] : []))
  const at = (column: Float64Array) => Float64Array.from(kept, (i) => column[i] ?? Number.NaN)
  const { timestampMs, ownTimestampsMs, starts } = snapshot
  const series = kept.flatMap((i) => snapshot.series[i] ?? [])
  const own = ownTimestampsMs === undefined ? {} : { ownTimestampsMs: at(ownTimestampsMs) }
  return { timestampMs, series, values: at(snapshot.values), ...own, starts }
}
