import type { LedgerEntry } from '../../src/demo-receiver/store.ts'
import type { Result } from '../../test/support/servers.ts'

/** Samples by series: values by time in milliseconds. */
export type Samples = Map<string, Map<number, number>>

type Labels = Readonly<Record<string, string>>

/** Text that identifies a series. A receiver drops labels without a value, and Mimir the label of a replica. */
function seriesOf(labels: Labels): string {
  const kept = Object.entries(labels).filter(([name, value]) => value !== '' && name !== '__replica__')
  return JSON.stringify(kept.sort(([left], [right]) => (left < right ? -1 : 1)))
}

/** Values of the labels of a series, by name. */
export const labelsOf = (series: string): ReadonlyMap<string, string> => new Map(JSON.parse(series))

function add(samples: Samples, series: string, timestampMs: number, value: number): void {
  const row = samples.get(series) ?? new Map<number, number>()
  samples.set(series, row.set(timestampMs, value))
}

/** Labels of a series in the text format. */
function parsed(text: string): Labels {
  const labels: Record<string, string> = { __name__: text.replace(/\{.*/s, '') }
  for (const [, name = '', value = ''] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g))
    labels[name] = value.replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char))
  return labels
}

/** The collected samples until a time, without stale markers, from the ledger of a receiver that accepts everything. */
export function collectedIn(ledger: readonly LedgerEntry[], untilMs: number): Samples {
  const samples: Samples = new Map()
  const keys = new Map<string, string>()
  for (const { series, timestampMs, value, stale } of ledger) {
    if (stale || timestampMs > untilMs) continue
    const key = keys.get(series) ?? seriesOf(parsed(series))
    keys.set(series, key)
    add(samples, key, timestampMs, value)
  }
  return samples
}

/** The result of a query with a range selector. */
export function storedIn(results: readonly Result[]): Samples {
  const samples: Samples = new Map()
  for (const { metric, values } of results)
    for (const [seconds, value] of values)
      add(samples, seriesOf(metric), Math.round(seconds * 1000), Number(value.replace('Inf', 'Infinity')))
  return samples
}

/** The output of `buffer export --format=json`. */
export function exportedIn(text: string): Samples {
  const samples: Samples = new Map()
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const { metric, values, timestamps } = JSON.parse(line) as {
      metric: Labels
      values: readonly (number | string | null)[]
      timestamps: readonly number[]
    }
    for (const [i, timestampMs] of timestamps.entries())
      add(samples, seriesOf(metric), timestampMs, Number(values[i] ?? Number.NaN))
  }
  return samples
}

export interface Comparison {
  readonly collectedSeries: number
  readonly storedSeries: number
  /** Samples that the receiver lacks, after the first stored sample of their series. */
  readonly lacking: number
  /** Samples that are neither stored, nor a dead letter, nor in the backlog. */
  readonly lost: number
  readonly deadLetters: number
  /** Dead letters that the receiver has. */
  readonly falseDeadLetters: number
}

export interface Compared {
  readonly collected: Samples
  readonly stored: Samples
  readonly deadLetters: Samples
  /** Time of the oldest snapshot in the backlog. */
  readonly backlogMs: number
  /** The receiver stores every bit of a value. */
  readonly isExact: boolean
}

export function compare({ collected, stored, deadLetters, backlogMs, isExact }: Compared): Comparison {
  const isStored = (series: string, timestampMs: number, value: number) => {
    const found = stored.get(series)?.get(timestampMs)
    return found !== undefined && (!isExact || found === value || Object.is(found, value))
  }
  let [lacking, lost, storedSeries] = [0, 0, 0]
  for (const [series, row] of collected) {
    const firstMs = Math.min(...(stored.get(series)?.keys() ?? []))
    if (Number.isFinite(firstMs)) storedSeries++
    for (const [timestampMs, value] of row) {
      if (isStored(series, timestampMs, value)) continue
      if (timestampMs >= firstMs) lacking++
      if (timestampMs < backlogMs && deadLetters.get(series)?.has(timestampMs) !== true) lost++
    }
  }
  let [count, falseCount] = [0, 0]
  for (const [series, row] of deadLetters)
    for (const [timestampMs, value] of row) {
      count++
      if (isStored(series, timestampMs, value)) falseCount++
    }
  return {
    ...{ collectedSeries: collected.size, storedSeries, lacking, lost },
    ...{ deadLetters: count, falseDeadLetters: falseCount },
  }
}
