import type { Entry } from '../../buffer/index.ts'
import type { Series, Snapshot } from '../../metrics/index.ts'

import { type Batch, batchOf } from '../encode/batch.ts'
import { extent, isArrivalProbe, type Slice } from './bisect.ts'

/** Parts of a range that are not sent: series that the receiver rejects, and entries that are too old. */
export interface Excluded {
  readonly series: ReadonlySet<Series>
  readonly olderThanMs: number
}

/**
 * Snapshots that are sent together and can be cut into slices. Indexes of entries and series count everything that was
 * read, including what is excluded. So a note in the cursor means the same slices after a crash.
 */
export class Range {
  readonly entries: readonly Entry[]
  readonly #excluded: Excluded
  /** Everything except entries that are too old; includes excluded series. */
  readonly #batch: Batch
  #order: Map<Series, number> | undefined

  /** `before`: the series of the last snapshot delivered to this endpoint. */
  constructor(entries: readonly Entry[], before: readonly Series[], excluded: Excluded) {
    this.entries = entries
    this.#excluded = excluded
    this.#batch = batchOf(entries.filter(this.#isYoung), before)
  }

  /** Sequences of the first and the last snapshot. */
  get bounds() {
    return { first: this.entries[0]?.sequence ?? 0, last: this.entries.at(-1)?.sequence ?? 0 }
  }

  /** Number of series. The index of a series is the same each time the range is read. */
  get width(): number {
    const [first, ...others] = this.entries
    const isUniform =
      this.#batch.stale.length === 0 && others.every((one) => one.snapshot.series === first?.snapshot.series)
    return isUniform ? (first?.snapshot.series.length ?? 0) : this.#indexes().size
  }

  /** Number of all samples, including excluded ones. */
  get samples(): number {
    return this.entries.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
  }

  /** Size of the range, to check whether a note belongs to it. */
  get view() {
    return { entries: this.entries.length, series: this.width, samples: this.samples }
  }

  /** Whether a slice sends all series of the newest snapshot. */
  isWhole(slice: Slice): boolean {
    const { to, low, high } = extent(slice)
    return to === this.entries.length && low === 0 && high >= this.width
  }

  /** The batch that a slice sends. */
  cut(slice: Slice): Batch {
    const { from, to, low, high } = extent(slice)
    const isWhole = from === 0 && to === this.entries.length && low === 0 && high >= this.width
    const { series: excluded } = this.#excluded
    if (isWhole && excluded.size === 0) return this.#batch
    const indexes = this.#indexes()
    const isIn = (series: Series) => {
      const index = indexes.get(series) ?? -1
      return index >= low && index < high && !excluded.has(series)
    }
    const entries = this.entries
      .slice(from, to)
      .filter(this.#isYoung)
      .map((entry) => ({ ...entry, snapshot: only(entry.snapshot, isIn) }))
    const times = new Set(entries.map(({ snapshot }) => snapshot.timestampMs))
    return { entries, stale: this.#batch.stale.filter((one) => times.has(one.timestampMs) && isIn(one.series)) }
  }

  readonly #isYoung = ({ snapshot }: Entry): boolean => snapshot.timestampMs >= this.#excluded.olderThanMs

  /** Index of each series, in order of first appearance. */
  #indexes(): Map<Series, number> {
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

/** An arrival probe with stale markers only is useless: a receiver accepts them whether they had arrived or not. */
export const isInVain = ({ step }: Slice, { entries }: Batch): boolean =>
  isArrivalProbe(step) && entries.every(({ snapshot }) => snapshot.series.length === 0)

/** A snapshot reduced to some series. */
export function only(snapshot: Snapshot, isIn: (series: Series) => boolean): Snapshot {
  const kept = snapshot.series.flatMap((series, i) => (isIn(series) ? [i] : []))
  const at = (column: Float64Array) => Float64Array.from(kept, (i) => column[i] ?? Number.NaN)
  const { timestampMs, ownTimestampsMs, starts } = snapshot
  const series = kept.flatMap((i) => snapshot.series[i] ?? [])
  const own = ownTimestampsMs === undefined ? {} : { ownTimestampsMs: at(ownTimestampsMs) }
  return { timestampMs, series, values: at(snapshot.values), ...own, starts }
}
