import type { Family, Labels, Starts } from './family.ts'
import type { DuplicateReason, Series, SeriesTable } from './series.ts'

/**
 * What one interval saw. `values[i]` belongs to `series[i]`; a value is never a stale marker (those are made where
 * two snapshots are compared). Successive snapshots with the same series in the same order share one `series` array,
 * so that whatever is worked out from it can be kept by its identity.
 */
export interface Snapshot {
  /** Milliseconds since the epoch, wall clock; of every sample without a timestamp of its own. */
  readonly timestampMs: number
  readonly series: readonly Series[]
  readonly values: Float64Array
  /** Milliseconds since the epoch by sample, NaN where the snapshot's own holds. Absent where no sample has one. */
  readonly ownTimestampsMs?: Float64Array
  /** When its counters began, in the agent that took it. Absent where that is not known. */
  readonly starts?: Starts | undefined
  /** The last before a stop: every endpoint gets it, however few it takes. */
  readonly isLast?: true
}

/** A sample that was left out of a snapshot, and why. */
export interface DuplicateSample {
  readonly reason: DuplicateReason
  readonly family: Family
  readonly labels: Labels
}

/** Takes the samples of one cycle after another and makes a snapshot of each. */
export class SnapshotBuilder {
  readonly table: SeriesTable
  #series: Series[] = []
  #values = new Float64Array(1024)
  #count = 0
  #previous: readonly Series[] = []
  #asBefore = true
  #refused: DuplicateSample[] = []

  constructor(table: SeriesTable) {
    this.table = table
  }

  begin(): void {
    this.table.begin()
    this.#series = []
    this.#count = 0
    this.#asBefore = true
    this.#refused = []
  }

  /** Samples taken since `begin`. */
  get count(): number {
    return this.#count
  }

  /** Adds one sample; a second one of the same series is left out and remembered. */
  add(family: Family, value: number, labels?: Labels): void {
    const series = this.table.take(family, labels)
    if (typeof series === 'string') {
      this.#refused.push({ reason: series, family, labels: labels ?? {} })
      return
    }
    const at = this.#count++
    if (at === this.#values.length) this.#grow()
    this.#values[at] = value
    if (this.#asBefore) {
      if (this.#previous[at] === series) return
      this.#asBefore = false
      this.#series = this.#previous.slice(0, at)
    }
    this.#series.push(series)
  }

  end(timestampMs: number): Snapshot {
    if (!this.#asBefore || this.#count !== this.#previous.length) {
      const series = this.#asBefore ? this.#previous.slice(0, this.#count) : this.#series
      this.#previous = series
    }
    return { timestampMs, series: this.#previous, values: this.#values.slice(0, this.#count) }
  }

  /** Series taken since `begin` that the snapshot before did not have (`scrape_series_added`). */
  get added(): number {
    return this.#asBefore ? 0 : newIn(this.#series, this.#previous)
  }

  get duplicates(): readonly DuplicateSample[] {
    return this.#refused
  }

  #grow(): void {
    const larger = new Float64Array(this.#values.length * 2)
    larger.set(this.#values)
    this.#values = larger
  }
}

function newIn(series: readonly Series[], before: readonly Series[]): number {
  const known = new Set(before)
  let added = 0
  for (const one of series) if (!known.has(one)) added++
  return added
}
