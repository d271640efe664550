import type { Entry } from '../../../src/buffer/index.ts'
import { formatValue, labelled, type Series } from '../../../src/metrics/index.ts'

/** One sample of a range of snapshots. */
export interface Sample {
  readonly entry: Entry
  readonly series: Series
  readonly timestampMs: number
  readonly value: number
}

/** The samples of some snapshots, in their order. */
export const samplesOf = (entries: readonly Entry[]): readonly Sample[] =>
  entries.flatMap((entry) => {
    const { series, values, timestampMs, ownTimestampsMs } = entry.snapshot
    return series.map((one, i) => {
      const ownMs = ownTimestampsMs?.[i] ?? Number.NaN
      return {
        entry,
        series: one,
        timestampMs: Number.isNaN(ownMs) ? timestampMs : ownMs,
        value: values[i] as number, // one value for each series
      }
    })
  })

/** One line for each sample. JSON has no NaN and no infinity: these values are texts. */
export const linesOf = (samples: readonly Sample[]): string =>
  samples
    .map(({ series, timestampMs, value }) => {
      const line = { labels: labelsOf(series), timestampMs, value: Number.isFinite(value) ? value : formatValue(value) }
      return `${JSON.stringify(line)}\n`
    })
    .join('')

/** The labels of the series take precedence over the identity; an empty label is none. */
function labelsOf({ family, labelValues, identity }: Series): Readonly<Record<string, string>> {
  const own = Object.fromEntries(family.labelNames.map((name, i) => [name, labelValues[i] ?? '']))
  return { __name__: family.name + family.suffix, ...labelled(labelled({}, identity), own) }
}
