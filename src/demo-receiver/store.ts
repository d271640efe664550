import { type Incoming, isStale, type Metadata, numberOf, type Sample, sameBits } from './decode.ts'
import { labelProblem, type Pair, seriesKey } from './labels.ts'

/** The newest sample of a series. */
export interface Latest {
  readonly labels: readonly Pair[]
  readonly timestampMs: number
  readonly startMs: number
  readonly value: number
  readonly stale: boolean
}

/** One accepted sample; `series` as the text format writes it. */
export interface LedgerEntry extends Omit<Latest, 'labels'> {
  readonly series: string
}

export interface Bounds {
  readonly maxSeries: number
  /** How far ahead of this host's clock a sample may be. */
  readonly maxFutureMs: number
}

/** What became of one request. */
export interface Written {
  /** What was refused and why, the first few of them; empty if everything was taken. */
  readonly problems: readonly string[]
  readonly samples: number
  readonly histograms: number
  readonly exemplars: number
}

interface Kept {
  readonly labels: readonly Pair[]
  readonly newest: Sample
}

/** Problems told in one answer. */
const maxReported = 5

/**
 * What was received, under the rules of Prometheus without an out-of-order window: a series takes only samples newer
 * than its newest, and that one again if it is the same to the bit. Of a 1.0 request with anything wrong nothing is
 * taken, of a 2.0 request all that is right.
 */
export class Store {
  readonly #bounds: Bounds
  readonly #series = new Map<string, Kept>()
  readonly #metadata = new Map<string, Metadata>()
  readonly #ledger: LedgerEntry[] | undefined

  constructor(bounds: Bounds, ledger: boolean) {
    this.#bounds = bounds
    this.#ledger = ledger ? [] : undefined
  }

  get metadata(): ReadonlyMap<string, Metadata> {
    return this.#metadata
  }

  /** In the order of arrival; empty unless it was asked for. */
  get ledger(): readonly LedgerEntry[] {
    return this.#ledger ?? []
  }

  *latest(): Generator<[series: string, latest: Latest]> {
    for (const [key, { labels, newest }] of this.#series) yield [key, { labels, ...plain(newest) }]
  }

  get(series: string): Latest | undefined {
    const kept = this.#series.get(series)
    return kept && { labels: kept.labels, ...plain(kept.newest) }
  }

  take({ version, series, metadata }: Incoming, nowMs: number): Written {
    const problems: string[] = []
    const taken = new Map<string, Kept>()
    const entries: LedgerEntry[] = []
    const written = { samples: 0, histograms: 0, exemplars: 0 }
    let room = this.#room()
    for (const one of series) {
      const key = seriesKey(one.labels)
      const wrong = labelProblem(version, one.labels) ?? (hasData(one) ? undefined : 'neither samples nor histograms')
      if (wrong !== undefined) {
        problems.push(`${wrong}, series ${key}`)
        continue
      }
      for (const sample of one.samples) {
        const newest = (taken.get(key) ?? this.#series.get(key))?.newest
        const problem = newest ? orderProblem(newest, sample) : room === 0 ? 'too many series' : undefined
        if (problem !== undefined || sample.timestampMs > nowMs + this.#bounds.maxFutureMs) {
          problems.push(`${problem ?? 'too far in the future'}, series ${key}, timestamp ${sample.timestampMs}`)
          continue
        }
        written.samples++
        if (newest?.timestampMs === sample.timestampMs) continue
        if (newest === undefined) room--
        taken.set(key, { labels: one.labels, newest: sample })
        if (this.#ledger !== undefined) entries.push({ series: key, ...plain(sample) })
      }
      written.histograms += one.histograms
      written.exemplars += one.exemplars
    }
    const first = problems.slice(0, maxReported)
    if (problems.length > maxReported) first.push(`and ${problems.length - maxReported} more`)
    if (version === 1 && problems.length > 0) return { problems: first, samples: 0, histograms: 0, exemplars: 0 }
    for (const [key, kept] of taken) this.#series.set(key, kept)
    for (const entry of entries) this.#ledger?.push(entry)
    this.#learn(metadata)
    return { problems: first, ...written }
  }

  /** How many more series there may be; where there may be none, those that ended make room. */
  #room(): number {
    const { maxSeries } = this.#bounds
    if (this.#series.size >= maxSeries)
      for (const [key, { newest }] of this.#series) if (isStale(newest.bits)) this.#series.delete(key)
    return maxSeries - this.#series.size
  }

  #learn(metadata: ReadonlyMap<string, Metadata>): void {
    for (const [name, one] of metadata)
      if (this.#metadata.has(name) || this.#metadata.size < this.#bounds.maxSeries) this.#metadata.set(name, one)
  }
}

const hasData = (one: Incoming['series'][number]): boolean =>
  one.samples.length > 0 || one.histograms > 0 || one.exemplars > 0

function orderProblem(newest: Sample, sample: Sample): string | undefined {
  if (sample.timestampMs > newest.timestampMs) return undefined
  if (sample.timestampMs < newest.timestampMs) return 'out of order sample'
  return sameBits(newest.bits, sample.bits) ? undefined : 'duplicate sample for timestamp'
}

function plain({ timestampMs, startMs, bits }: Sample): Omit<Latest, 'labels'> {
  return { timestampMs, startMs, value: numberOf(bits), stale: isStale(bits) }
}
