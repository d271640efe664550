import type { Entry } from '../../buffer/index.ts'
import { beginningOf, type Family, type Series, type Snapshot } from '../../metrics/index.ts'

import type { Batch } from './batch.ts'

/** A body before compression, and what it holds. The bytes hold until the next one is encoded. */
export interface Encoded {
  readonly bytes: Uint8Array
  readonly samples: number
  /** Series that carry their type or help with them. */
  readonly metadata: number
}

/** A version of the protocol: how a batch and its families are written. */
export interface Encoder {
  readonly contentType: string
  readonly version: string
  encode(batch: Batch): Encoded
  /** A request of its own that holds type and help of families; missing where they are told with each series. */
  metadata?(families: Iterable<Family>): Uint8Array
}

export const nothing: Encoded = { bytes: new Uint8Array(), samples: 0, metadata: 0 }

/** One sample in a request: without a value it is a stale marker. Times in milliseconds, `startMs` 0 where unset. */
export interface Point {
  readonly timestampMs: number
  readonly startMs: number
  readonly value: number | undefined
}

/** The one list of series that all snapshots of a batch have; undefined where their samples have to be gathered. */
export function commonSeries({ entries, stale }: Batch): readonly Series[] | undefined {
  const series = entries[0]?.snapshot.series
  const isLike = ({ snapshot }: Entry) => snapshot.series === series && !snapshot.ownTimestampsMs
  return stale.length === 0 && entries.every(isLike) ? series : undefined
}

/** Snapshots of different series, or with stale markers or times of their own: by series, in the order of time. */
export function pointsOf({ entries, stale }: Batch): ReadonlyMap<Series, readonly Point[]> {
  const points = new Map<Series, Point[]>()
  const add = (series: Series, point: Point) => {
    const known = points.get(series)
    if (known === undefined) points.set(series, [point])
    else known.push(point)
  }
  for (const { snapshot } of entries) {
    const { series, values, ownTimestampsMs } = snapshot
    values.forEach((value, i) => {
      const one = series[i] as Series // as many as values
      const own = ownTimestampsMs?.[i] ?? Number.NaN
      const timestampMs = Number.isNaN(own) ? snapshot.timestampMs : own
      add(one, { timestampMs, startMs: startOf(one.family, snapshot, timestampMs), value })
    })
    for (const { series: ended, timestampMs } of stale)
      if (timestampMs === snapshot.timestampMs) add(ended, { timestampMs, startMs: 0, value: undefined })
  }
  return points
}

/** When the counter of a sample began; 0 where that is not known, or not before the sample itself. */
export function startOf({ since }: Pick<Family, 'since'>, { starts }: Snapshot, timestampMs: number): number {
  const startMs = beginningOf(since, starts)
  return startMs < timestampMs ? startMs : 0
}

/** One family for each name that a type and help can be said of. */
export function familiesIn(entries: readonly Entry[]): readonly Family[] {
  const byName = new Map<string, Family>()
  for (const { family } of entries.at(-1)?.snapshot.series ?? []) {
    if (!byName.has(family.name)) byName.set(family.name, family)
  }
  return [...byName.values()]
}
