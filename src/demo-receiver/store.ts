import { isStale, type Metadata, type Sample, sameBits, toNumber, type WriteRequest } from './decode.ts'
import { type Label, labelProblem, seriesKey } from './labels.ts'

/** The newest sample of a series. */
export interface LatestSample {
  readonly labels: readonly Label[]
  readonly timestampMs: number
  readonly startMs: number
  readonly value: number
  readonly stale: boolean
}

/** One accepted sample; `series` in the text format. */
export interface LedgerEntry extends Omit<LatestSample, 'labels'> {
  readonly series: string
}

export interface StoreLimits {
  readonly maxSeries: number
  /** How far a timestamp may be ahead of this host's clock. */
  readonly maxFutureMs: number
}

/** The result of one request. */
export interface WriteResult {
  /** The first rejected samples with the reason; empty if all were accepted. */
  readonly problems: readonly string[]
  readonly samples: number
  readonly histograms: number
  readonly exemplars: number
}

interface StoredSeries {
  readonly labels: readonly Label[]
  readonly newest: Sample
}

/** Problems that one reply lists. */
const maxProblems = 5

/**
 * The newest sample of each series, under the rules of Prometheus without an out-of-order window: a series accepts only
 * samples newer than its newest, and a duplicate of the newest if it is equal to the bit. A 1.0 request with any invalid
 * sample is rejected as a whole; of a 2.0 request the valid samples are accepted.
 */
export class Store {
  readonly #limits: StoreLimits
  readonly #series = new Map<string, StoredSeries>()
  readonly #metadata = new Map<string, Metadata>()
  readonly #ledger: LedgerEntry[] | undefined

  constructor(limits: StoreLimits, ledger: boolean) {
    this.#limits = limits
    this.#ledger = ledger ? [] : undefined
  }

  get metadata(): ReadonlyMap<string, Metadata> {
    return this.#metadata
  }

  /** Accepted samples in the order of arrival; empty unless the constructor enabled it. */
  get ledger(): readonly LedgerEntry[] {
    return this.#ledger ?? []
  }

  *latest(): Generator<[series: string, latest: LatestSample]> {
    for (const [key, { labels, newest }] of this.#series) yield [key, { labels, ...fieldsOf(newest) }]
  }

  get(series: string): LatestSample | undefined {
    const stored = this.#series.get(series)
    return stored && { labels: stored.labels, ...fieldsOf(stored.newest) }
  }

  write({ version, series, metadata }: WriteRequest, nowMs: number): WriteResult {
    const problems: string[] = []
    const accepted = new Map<string, StoredSeries>()
    const entries: LedgerEntry[] = []
    const counts = { samples: 0, histograms: 0, exemplars: 0 }
    let free = this.#freeSeries()
    for (const one of series) {
      const key = seriesKey(one.labels)
      const invalid = labelProblem(version, one.labels) ?? (hasData(one) ? undefined : 'neither samples nor histograms')
      if (invalid !== undefined) {
        problems.push(`${invalid}, series ${key}`)
        continue
      }
      for (const sample of one.samples) {
        const newest = (accepted.get(key) ?? this.#series.get(key))?.newest
        const problem = newest ? orderProblem(newest, sample) : free === 0 ? 'too many series' : undefined
        if (problem !== undefined || sample.timestampMs > nowMs + this.#limits.maxFutureMs) {
          problems.push(`${problem ?? 'too far in the future'}, series ${key}, timestamp ${sample.timestampMs}`)
          continue
        }
        counts.samples++
        if (newest?.timestampMs === sample.timestampMs) continue
        if (newest === undefined) free--
        accepted.set(key, { labels: one.labels, newest: sample })
        if (this.#ledger !== undefined) entries.push({ series: key, ...fieldsOf(sample) })
      }
      counts.histograms += one.histograms
      counts.exemplars += one.exemplars
    }
    const first = problems.slice(0, maxProblems)
    if (problems.length > maxProblems) first.push(`and ${problems.length - maxProblems} more`)
    if (version === 1 && problems.length > 0) return { problems: first, samples: 0, histograms: 0, exemplars: 0 }
    for (const [key, stored] of accepted) this.#series.set(key, stored)
    for (const entry of entries) this.#ledger?.push(entry)
    this.#addMetadata(metadata)
    return { problems: first, ...counts }
  }

  /** How many more series the store accepts. A full store first removes the series that ended with a stale marker. */
  #freeSeries(): number {
    const { maxSeries } = this.#limits
    if (this.#series.size >= maxSeries)
      for (const [key, { newest }] of this.#series) if (isStale(newest.bits)) this.#series.delete(key)
    return maxSeries - this.#series.size
  }

  #addMetadata(metadata: ReadonlyMap<string, Metadata>): void {
    for (const [name, one] of metadata)
      if (this.#metadata.has(name) || this.#metadata.size < this.#limits.maxSeries) this.#metadata.set(name, one)
  }
}

const hasData = (one: WriteRequest['series'][number]): boolean =>
  one.samples.length > 0 || one.histograms > 0 || one.exemplars > 0

function orderProblem(newest: Sample, sample: Sample): string | undefined {
  if (sample.timestampMs > newest.timestampMs) return undefined
  if (sample.timestampMs < newest.timestampMs) return 'out of order sample'
  return sameBits(newest.bits, sample.bits) ? undefined : 'duplicate sample for timestamp'
}

function fieldsOf({ timestampMs, startMs, bits }: Sample): Omit<LatestSample, 'labels'> {
  return { timestampMs, startMs, value: toNumber(bits), stale: isStale(bits) }
}
