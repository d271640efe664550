import type { Backlog } from '../buffer/index.ts'

/** Counters of one endpoint, named as in Prometheus. Times are milliseconds since the epoch. */
export interface EndpointStats {
  samples: number
  samplesRetried: number
  samplesFailed: number
  /** Dropped samples by reason. Prometheus uses the reason `dropped_series` for samples that relabeling drops. */
  readonly samplesDropped: Map<string, number>
  /** Metadata entries: families in separate requests (1.0), or series sent with type and help (2.0). */
  metadata: number
  metadataFailed: number
  /** Compressed bytes of delivered requests. */
  bytes: number
  metadataBytes: number
  requests: number
  retries: number
  /** Ranges that the receiver had accepted although the response was lost. */
  replayed: number
  /** Rejections caused by another sender with the same labels. */
  duplicateSender: number
  /** Timestamps of the newest collected and the newest delivered sample. */
  highestTimestampMs: number
  highestSentTimestampMs: number
  lastDeliveryMs: number
  readonly durations: DurationHistogram
  readonly load: LoadAverage
  /** Number of responses by HTTP status; 0 means no response. */
  readonly answers: Map<number, number>
}

/** State of one endpoint for its self metrics. */
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

/** Upper bounds in seconds, the same as Prometheus uses for this histogram. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300, Number.POSITIVE_INFINITY]

/** Request durations as a classic histogram. */
class DurationHistogram {
  seconds = 0
  count = 0
  readonly #counts = bounds.map(() => 0)

  add(seconds: number): void {
    const index = bounds.findIndex((bound) => seconds <= bound)
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.seconds += seconds
    this.count++
  }

  /** Cumulative count for each bound. `le` is the value of the label. */
  *buckets(): Generator<readonly [le: string, count: number]> {
    let total = 0
    for (const [index, bound] of bounds.entries()) {
      total += this.#counts[index] ?? 0
      yield [bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound), total]
    }
  }
}

/** Weight of the newest value in the moving average. */
const weight = 0.2

/**
 * Time to send one snapshot, divided by the time between two snapshots (moving averages). Above 1, one request at a time
 * is too slow. Prometheus calls this the desired number of shards.
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

  /** Number of concurrent requests that the load would need; at least 1. */
  get senders(): number {
    return Math.max(1, this.#sendingMs / Math.max(1, this.#betweenMs ?? Number.POSITIVE_INFINITY))
  }
}

const smoothed = (before: number | undefined, now: number) =>
  before === undefined ? now : before + weight * (now - before)
