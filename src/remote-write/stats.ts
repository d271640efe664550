import type { Backlog } from '../buffer/index.ts'
/** One endpoint's numbers, under the names that Prometheus gives them. Times are milliseconds since the epoch. */
export interface EndpointStats {
  samples: number
  samplesRetried: number
  samplesFailed: number
  /** Samples that are not sent, by reason: Prometheus's word for those that rules drop is `dropped_series`. */
  readonly samplesDropped: Map<string, number>
  /** Families in requests of their own, or series that carried type and help with them. */
  metadata: number
  metadataFailed: number
  /** Compressed bytes of delivered requests. */
  bytes: number
  metadataBytes: number
  requests: number
  retries: number
  /** Ranges whose answer never came and that turned out to have arrived. */
  replayed: number
  /** Refusals that say that another host sends under the labels of this one. */
  duplicateSender: number
  /** Timestamp of the newest sample that was collected, and of the newest that was delivered. */
  highestTimestampMs: number
  highestSentTimestampMs: number
  lastDeliveryMs: number
  readonly durations: DurationHistogram
  readonly load: LoadAverage
  /** Answers by status; 0 stands for no answer. */
  readonly answers: Map<number, number>
}

/** One endpoint at one moment, as its self metrics show it. */
export interface EndpointState {
  readonly name: string
  readonly url: string
  readonly stats: EndpointStats
  readonly maxSamplesPerSend: number
  readonly backlog: Backlog
}

export const createStats = (): EndpointStats => ({
  samples: 0,
  samplesRetried: 0,
  samplesFailed: 0,
  samplesDropped: new Map([['dropped_series', 0]]),
  metadata: 0,
  metadataFailed: 0,
  bytes: 0,
  metadataBytes: 0,
  requests: 0,
  retries: 0,
  replayed: 0,
  duplicateSender: 0,
  highestTimestampMs: 0,
  highestSentTimestampMs: 0,
  lastDeliveryMs: 0,
  durations: new DurationHistogram(),
  load: new LoadAverage(),
  answers: new Map(),
})

/** Upper bounds in seconds, those of Prometheus for the same histogram. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300, Number.POSITIVE_INFINITY]

/** How long requests took, as a classic histogram. */
class DurationHistogram {
  seconds = 0
  count = 0
  readonly #counts = bounds.map(() => 0)

  add(seconds: number): void {
    const place = bounds.findIndex((bound) => seconds <= bound)
    this.#counts[place] = (this.#counts[place] ?? 0) + 1
    this.seconds += seconds
    this.count++
  }

  /** How many were not longer than each bound; the bound as the label `le` has it. */
  *buckets(): Generator<readonly [le: string, count: number]> {
    let total = 0
    for (const [place, bound] of bounds.entries()) {
      total += this.#counts[place] ?? 0
      yield [bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound), total]
    }
  }
}

/** How much of the newest counts. */
const weight = 0.2

/**
 * How much of the time between two snapshots goes into sending one. Above 1 a single sender, one request after another,
 * cannot keep up: Prometheus calls it the number of shards that are desired.
 */
class LoadAverage {
  #betweenMs: number | undefined
  #newestMs: number | undefined
  #sendingMs = 0

  collected(timestampMs: number): void {
    if (this.#newestMs !== undefined) this.#betweenMs = smoothed(this.#betweenMs, timestampMs - this.#newestMs)
    this.#newestMs = timestampMs
  }

  sent(snapshots: number, milliseconds: number): void {
    this.#sendingMs = smoothed(this.#sendingMs, milliseconds / snapshots)
  }

  /** From 1 up: there is always one. */
  get senders(): number {
    return Math.max(1, this.#sendingMs / Math.max(1, this.#betweenMs ?? Number.POSITIVE_INFINITY))
  }
}

const smoothed = (before: number | undefined, now: number) =>
  before === undefined ? now : before + weight * (now - before)
