import type { Entry } from '../../buffer/index.ts'
import type { Series } from '../../metrics/index.ts'

/** Content of one request: snapshots in order, and stale markers for series that vanished between them. */
export interface Batch {
  readonly entries: readonly Entry[]
  readonly stale: readonly Stale[]
}

/** A stale marker: the snapshot at `timestampMs` no longer has this series. */
export interface Stale {
  readonly series: Series
  readonly timestampMs: number
}

/**
 * The batch of these entries. `before`: the series of the last snapshot delivered to the endpoint. A series with explicit
 * timestamps gets no stale marker, as the specification requires.
 */
export function batchOf(entries: readonly Entry[], before: readonly Series[]): Batch {
  const stale: Stale[] = []
  let previous = before
  for (const { snapshot } of entries) {
    for (const series of vanished(previous, snapshot.series)) stale.push({ series, timestampMs: snapshot.timestampMs })
    previous = withoutTimestamps(snapshot.series, snapshot.ownTimestampsMs)
  }
  return { entries, stale }
}

/** Series of a snapshot that get a stale marker when they vanish: those without explicit timestamps. */
export function markable({ snapshot }: Entry): readonly Series[] {
  return withoutTimestamps(snapshot.series, snapshot.ownTimestampsMs)
}

function withoutTimestamps(series: readonly Series[], own: Float64Array | undefined): readonly Series[] {
  return own === undefined ? series : series.filter((_, i) => Number.isNaN(own[i]))
}

function vanished(before: readonly Series[], now: readonly Series[]): readonly Series[] {
  if (before === now) return []
  const still = new Set(now)
  return before.filter((series) => !still.has(series))
}
