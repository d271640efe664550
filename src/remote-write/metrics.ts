import type { Emit } from '../collector.ts'
import { gauge, ownCounter, ownHistogram } from '../metrics/index.ts'
import type { EndpointState } from './stats.ts'

/** The metric names of Prometheus: its remote-write dashboard and alerts work with them. */
const prefix = 'prometheus_remote_storage'
const of = ['remote_name', 'url'] as const

const samples = ownCounter(`${prefix}_samples_total`, 'Samples sent, accepted or rejected.', of)
const samplesFailed = ownCounter(
  `${prefix}_samples_failed_total`,
  'Samples rejected by the receiver and not retried.',
  of,
)
const samplesDropped = ownCounter(`${prefix}_samples_dropped_total`, 'Samples dropped, by reason.', [...of, 'reason'])
const samplesRetried = ownCounter(`${prefix}_samples_retried_total`, 'Samples in requests that were retried.', of)
const samplesPending = gauge(`${prefix}_samples_pending`, 'Samples in the backlog: collected, not yet delivered.', of)
const metadata = ownCounter(
  `${prefix}_metadata_total`,
  'Metadata entries sent: one per metric family with remote write 1.0, one per series with 2.0.',
  of,
)
const metadataFailed = ownCounter(
  `${prefix}_metadata_failed_total`,
  'Metadata entries that could not be delivered.',
  of,
)
const bytes = ownCounter(`${prefix}_bytes_total`, 'Compressed bytes of samples delivered.', of)
const metadataBytes = ownCounter(
  `${prefix}_metadata_bytes_total`,
  'Compressed bytes of metadata delivered in separate requests (remote write 1.0).',
  of,
)
const highest = gauge(`${prefix}_queue_highest_timestamp_seconds`, 'Time of the newest sample collected.', of)
const highestSent = gauge(`${prefix}_queue_highest_sent_timestamp_seconds`, 'Time of the newest sample delivered.', of)
const maxSamples = gauge(`${prefix}_max_samples_per_send`, 'Maximum number of samples in one request.', of)
const metadataRetried = ownCounter(
  `${prefix}_metadata_retried_total`,
  'Always 0: metadata requests are not retried.',
  of,
)
const enqueueRetries = ownCounter(
  `${prefix}_enqueue_retries_total`,
  'Always 0: collection never waits for the buffer.',
  of,
)
const durations = ownHistogram(`${prefix}_sent_batch_duration_seconds`, 'Duration of requests.', of)
const shards = gauge(`${prefix}_shards`, 'Number of concurrent requests, always 1: samples are sent in order.', of)
const shardsMin = gauge(`${prefix}_shards_min`, 'Minimum number of concurrent requests, always 1.', of)
const shardsMax = gauge(`${prefix}_shards_max`, 'Maximum number of concurrent requests, always 1.', of)
const shardsDesired = gauge(
  `${prefix}_shards_desired`,
  'Concurrent requests needed to keep up. Above 1 the receiver answers too slowly and the backlog grows.',
  of,
)
const shardCapacity = gauge(
  `${prefix}_shard_capacity`,
  'Maximum number of samples read from the buffer for one request.',
  of,
)
const samplesIn = ownCounter(`${prefix}_samples_in_total`, 'Samples collected, for all endpoints.')
const highestIn = gauge(`${prefix}_highest_timestamp_in_seconds`, 'Time of the newest sample collected.')
const requests = ownCounter('hostpush_requests_total', 'Requests sent, by HTTP status. Code 0: no response.', [
  ...of,
  'code',
])
const replayed = ownCounter(
  'hostpush_replayed_ranges_total',
  'Retried requests that the receiver had already accepted.',
  of,
)
const sameLabels = ownCounter(
  'hostpush_duplicate_sender_rejections_total',
  'Rejections caused by another sender with the same labels.',
  of,
)
const lastDelivery = gauge('hostpush_last_delivery_timestamp_seconds', 'Time of the last successful request.', of)
const backlogSeconds = gauge('hostpush_backlog_seconds', 'Age of the oldest snapshot in the backlog, in seconds.', of)

/** Metrics without an endpoint label. `collected` is the number of samples appended to the buffer. */
export function emitStorage(emit: Emit, endpoints: readonly EndpointState[], collected: number): void {
  if (endpoints.length === 0) return
  emit(samplesIn, collected)
  emit(highestIn, Math.max(...endpoints.map(({ stats }) => stats.highestTimestampMs)) / 1000)
}

/** Metrics of one endpoint. `nowMs` is the wall clock, milliseconds since the epoch. */
export function emitEndpoint(
  emit: Emit,
  { name, url, stats, maxSamplesPerSend, backlog }: EndpointState,
  nowMs: number,
): void {
  const labels = { remote_name: name, url }
  emit(samples, stats.samples, labels)
  emit(samplesFailed, stats.samplesFailed, labels)
  for (const [reason, count] of stats.samplesDropped) emit(samplesDropped, count, { ...labels, reason })
  emit(samplesRetried, stats.samplesRetried, labels)
  emit(samplesPending, backlog.samples, labels)
  emit(metadata, stats.metadata, labels)
  emit(metadataFailed, stats.metadataFailed, labels)
  emit(bytes, stats.bytes, labels)
  emit(metadataBytes, stats.metadataBytes, labels)
  emit(highest, stats.highestTimestampMs / 1000, labels)
  emit(highestSent, stats.highestSentTimestampMs / 1000, labels)
  emit(maxSamples, maxSamplesPerSend, labels)
  emit(metadataRetried, 0, labels)
  emit(enqueueRetries, 0, labels)
  emit(shards, 1, labels)
  emit(shardsMin, 1, labels)
  emit(shardsMax, 1, labels)
  emit(shardsDesired, stats.load.senders, labels)
  emit(shardCapacity, maxSamplesPerSend, labels)
  for (const [le, count] of stats.durations.buckets()) emit(durations.bucket, count, { ...labels, le })
  emit(durations.sum, stats.durations.seconds, labels)
  emit(durations.count, stats.durations.count, labels)
  for (const [code, count] of stats.answers) emit(requests, count, { ...labels, code: String(code) })
  emit(replayed, stats.replayed, labels)
  emit(sameLabels, stats.duplicateSender, labels)
  emit(lastDelivery, stats.lastDeliveryMs === 0 ? undefined : stats.lastDeliveryMs / 1000, labels)
  emit(backlogSeconds, backlog.oldestMs === undefined ? 0 : (nowMs - backlog.oldestMs) / 1000, labels)
}
