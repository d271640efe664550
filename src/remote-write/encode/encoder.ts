import type { Entry } from '../../buffer/index.ts'
import { beginningOf, type Family, type Series, type Snapshot } from '../../metrics/index.ts'

import type { Batch } from './batch.ts'

/** A body before compression. The bytes are overwritten by the next call of `encode`. */
export interface Encoded {
  readonly bytes: Uint8Array
  readonly samples: number
  /** Number of series with inline metadata (2.0). */
  readonly metadata: number
}

/** Encodes batches and metadata in one version of the protocol. */
export interface Encoder {
  readonly contentType: string
  readonly version: string
  encode(batch: Batch): Encoded
  /** A separate request with type and help of families (1.0); undefined in 2.0, which sends them with each series. */
  metadata?(families: Iterable<Family>): Uint8Array
}

export const nothing: Encoded = { bytes: new Uint8Array(), samples: 0, metadata: 0 }

/** One sample in a request. Without a value it is a stale marker. Times in milliseconds; `startMs` is 0 if unknown. */
export interface Point {
  readonly timestampMs: number
  readonly startMs: number
  readonly value: number | undefined
}

/** The list of series that all snapshots of a batch share; undefined if there is none, or if `pointsOf` is necessary. */
export function commonSeries({ entries, stale }: Batch): readonly Series[] | undefined {
  const series = entries[0]?.snapshot.series
  const shares = ({ snapshot }: Entry) => snapshot.series === series && !snapshot.ownTimestampsMs
  return stale.length === 0 && entries.every(shares) ? series : undefined
}

/** Samples by series in the order of time, for batches with different series, stale markers or explicit timestamps. */
export function pointsOf({ entries, stale }: Batch): ReadonlyMap<Series, readonly Point[]> {
  const points = new Map<Series, Point[]>()
  const add = (series: Series, point: Point) => {
    const row = points.get(series)
    if (row === undefined) points.set(series, [point])
    else row.push(point)
  }
  for (const { snapshot } of entries) {
    const { series, values, ownTimestampsMs } = snapshot
    values.forEach((value, i) => {
      const one = series[i] as Series // series and values have the same length
      const own = ownTimestampsMs?.[i] ?? Number.NaN
      const timestampMs = Number.isNaN(own) ? snapshot.timestampMs : own
      add(one, { timestampMs, startMs: startOf(one.family, snapshot, timestampMs), value })
    })
    for (const { series: ended, timestampMs } of stale)
      if (timestampMs === snapshot.timestampMs) add(ended, { timestampMs, startMs: 0, value: undefined })
  }
  return points
}

/** Start time of a counter, milliseconds; 0 if it is unknown or not before the sample. */
export function startOf({ since }: Pick<Family, 'since'>, { starts }: Snapshot, timestampMs: number): number {
  const startMs = beginningOf(since, starts)
  return startMs < timestampMs ? startMs : 0
}

/** One family per metric name of the newest snapshot. */
export function familiesIn(entries: readonly Entry[]): readonly Family[] {
  const byName = new Map<string, Family>()
  for (const { family } of entries.at(-1)?.snapshot.series ?? []) {
    if (!byName.has(family.name)) byName.set(family.name, family)
  }
  return [...byName.values()]
}
