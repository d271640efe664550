import type { Family, Labels, Starts } from './family.ts'
import type { DuplicateReason, Series, SeriesTable } from './series.ts'

/** The source of the collectors and the self metrics of this host. */
export const hostSource = 'host'

/**
 * The samples of one interval of one source. `values[i]` belongs to `series[i]`. A value is never a stale marker: outputs create those
 * when they compare two snapshots. Successive snapshots with the same series in the same order share one `series` array,
 * so that data derived from it can be cached by identity.
 */
export interface Snapshot {
  /** Milliseconds since the epoch, wall clock; for all samples without an entry in `ownTimestampsMs`. */
  readonly timestampMs: number
  readonly series: readonly Series[]
  readonly values: Float64Array
  /** Timestamp of each sample, milliseconds since the epoch; NaN: that of the snapshot. Missing if no sample has one. */
  readonly ownTimestampsMs?: Float64Array
  /** Start times of the counters of the snapshot. Missing if unknown. */
  readonly starts?: Starts | undefined
  /** Id of the source that collected it. Missing for the host (`hostSource`). */
  readonly source?: string
  /** Number of the interval of its schedule: floor((scheduled time - offset) / interval). Missing for batch commands. */
  readonly slot?: number
  /** The time for which the collection was scheduled, if it differs from `timestampMs`. */
  readonly scheduledMs?: number
  /** Whether it is the last snapshot before a stop: every endpoint gets it, even with downsampling. */
  readonly isLast?: true
}

/** A sample that was not accepted into a snapshot, with the reason. */
export interface DuplicateSample {
  readonly reason: DuplicateReason
  readonly family: Family
  readonly labels: Labels
}

/** Collects the samples of each cycle into a snapshot. */
export class SnapshotBuilder {
  readonly table: SeriesTable
  #series: Series[] = []
  #values = new Float64Array(1024)
  #count = 0
  #previous: readonly Series[] = []
  #isUnchanged = true
  #duplicates: DuplicateSample[] = []

  constructor(table: SeriesTable) {
    this.table = table
  }

  begin(): void {
    this.table.begin()
    this.#series = []
    this.#count = 0
    this.#isUnchanged = true
    this.#duplicates = []
  }

  /** Number of samples accepted since `begin`. */
  get count(): number {
    return this.#count
  }

  /** Adds one sample. A second sample of the same series goes to `duplicates` instead. */
  add(family: Family, value: number, labels?: Labels): void {
    const series = this.table.take(family, labels)
    if (typeof series === 'string') {
      this.#duplicates.push({ reason: series, family, labels: labels ?? {} })
      return
    }
    const at = this.#count++
    if (at === this.#values.length) this.#grow()
    this.#values[at] = value
    if (this.#isUnchanged) {
      if (this.#previous[at] === series) return
      this.#isUnchanged = false
      this.#series = this.#previous.slice(0, at)
    }
    this.#series.push(series)
  }

  end(timestampMs: number): Snapshot {
    if (!this.#isUnchanged || this.#count !== this.#previous.length) {
      const series = this.#isUnchanged ? this.#previous.slice(0, this.#count) : this.#series
      this.#previous = series
    }
    return { timestampMs, series: this.#previous, values: this.#values.slice(0, this.#count) }
  }

  /** Number of series since `begin` that the previous snapshot did not have (`scrape_series_added`). */
  get added(): number {
    return this.#isUnchanged ? 0 : newIn(this.#series, this.#previous)
  }

  get duplicates(): readonly DuplicateSample[] {
    return this.#duplicates
  }

  #grow(): void {
    const larger = new Float64Array(this.#values.length * 2)
    larger.set(this.#values)
    this.#values = larger
  }
}

function newIn(series: readonly Series[], previous: readonly Series[]): number {
  const old = new Set(previous)
  let added = 0
  for (const one of series) if (!old.has(one)) added++
  return added
}
