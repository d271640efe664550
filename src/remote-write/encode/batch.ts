import type { Entry } from '../../buffer/index.ts'
import type { Series } from '../../metrics/index.ts'

/** What one request takes: snapshots in order, and the end of the series that vanished between them. */
export interface Batch {
  readonly entries: readonly Entry[]
  readonly stale: readonly Stale[]
}

/** A series that the snapshot at `timestampMs` no longer has. */
export interface Stale {
  readonly series: Series
  readonly timestampMs: number
}

/**
 * The batch of these entries at an endpoint whose last delivered snapshot had the series `before`. A series whose
 * samples carry timestamps of their own ends without a marker, as the specification asks.
 */
export function batchOf(entries: readonly Entry[], before: readonly Series[]): Batch {
  const stale: Stale[] = []
  let previous = before
  for (const { snapshot } of entries) {
    for (const series of vanished(previous, snapshot.series)) stale.push({ series, timestampMs: snapshot.timestampMs })
    previous = withoutOwnTimes(snapshot.series, snapshot.ownTimestampsMs)
  }
  return { entries, stale }
}

/** The series for which a marker is owed once they no longer come. */
export function markable({ snapshot }: Entry): readonly Series[] {
  return withoutOwnTimes(snapshot.series, snapshot.ownTimestampsMs)
}

function withoutOwnTimes(series: readonly Series[], own: Float64Array | undefined): readonly Series[] {
  return own === undefined ? series : series.filter((_, i) => Number.isNaN(own[i]))
}

function vanished(before: readonly Series[], now: readonly Series[]): readonly Series[] {
  if (before === now) return []
  const still = new Set(now)
  return before.filter((series) => !still.has(series))
}
