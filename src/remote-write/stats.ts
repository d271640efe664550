import { DurationHistogram } from './durations.ts'
import { LoadAverage } from './load.ts'

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
