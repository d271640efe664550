import type { Emit } from '../collector.ts'
import { gauge, ownCounter, ownHistogram } from '../metrics/index.ts'
import type { EndpointState } from './stats.ts'

/** Prometheus's own names, so that its remote-write dashboard and alerts read them. */
const prefix = 'prometheus_remote_storage'
const of = ['remote_name', 'url'] as const

const samples = ownCounter(`${prefix}_samples_total`, 'Samples sent, whatever the answer.', of)
const samplesFailed = ownCounter(`${prefix}_samples_failed_total`, 'Samples the receiver refused for good.', of)
const samplesDropped = ownCounter(`${prefix}_samples_dropped_total`, 'Samples that were not sent, by reason.', [
  ...of,
  'reason',
])
const samplesRetried = ownCounter(`${prefix}_samples_retried_total`, 'Samples in requests that were sent again.', of)
const samplesPending = gauge(`${prefix}_samples_pending`, 'Samples collected and not yet delivered.', of)
const metadata = ownCounter(
  `${prefix}_metadata_total`,
  'Types and helps that were sent: of families by 1.0, with each series by 2.0.',
  of,
)
const metadataFailed = ownCounter(`${prefix}_metadata_failed_total`, 'Families whose type and help were refused.', of)
const bytes = ownCounter(`${prefix}_bytes_total`, 'Compressed bytes of samples delivered.', of)
const metadataBytes = ownCounter(
  `${prefix}_metadata_bytes_total`,
  'Compressed bytes of metadata delivered in requests of their own, as 1.0 has them.',
  of,
)
const highest = gauge(`${prefix}_queue_highest_timestamp_seconds`, 'Time of the newest sample collected.', of)
const highestSent = gauge(`${prefix}_queue_highest_sent_timestamp_seconds`, 'Time of the newest sample delivered.', of)
const maxSamples = gauge(`${prefix}_max_samples_per_send`, 'Samples one request may take from the backlog.', of)
const metadataRetried = ownCounter(
  `${prefix}_metadata_retried_total`,
  'Families in requests that were sent again: none is, the next one comes soon.',
  of,
)
const enqueueRetries = ownCounter(
  `${prefix}_enqueue_retries_total`,
  'Times that collecting waited for a place in the buffer: it never does.',
  of,
)
const durations = ownHistogram(`${prefix}_sent_batch_duration_seconds`, 'How long requests took.', of)
const shards = gauge(`${prefix}_shards`, 'Requests under way at a time: one after another.', of)
const shardsMin = gauge(`${prefix}_shards_min`, 'The least of them.', of)
const shardsMax = gauge(`${prefix}_shards_max`, 'The most of them: samples go in order.', of)
const shardsDesired = gauge(
  `${prefix}_shards_desired`,
  'How many it would take to keep up: above 1 the receiver answers too slowly for one after another.',
  of,
)
const shardCapacity = gauge(`${prefix}_shard_capacity`, 'Samples a sender takes from the buffer at a time.', of)
const samplesIn = ownCounter(`${prefix}_samples_in_total`, 'Samples collected, for all endpoints.')
const highestIn = gauge(`${prefix}_highest_timestamp_in_seconds`, 'Time of the newest sample collected.')
const requests = ownCounter('hostpush_requests_total', 'Requests sent, by status; 0 where no answer came.', [
  ...of,
  'code',
])
const replayed = ownCounter('hostpush_replayed_ranges_total', 'Ranges sent again that turned out to have arrived.', of)
const sameLabels = ownCounter(
  'hostpush_duplicate_sender_rejections_total',
  'Refusals that say that another host sends under the labels of this one.',
  of,
)
const lastDelivery = gauge('hostpush_last_delivery_timestamp_seconds', 'When a request was last delivered.', of)
const backlogSeconds = gauge('hostpush_backlog_seconds', 'Age of the oldest snapshot not yet delivered.', of)

/** What all endpoints have in common. `collected` is how many samples there were for them. */
export function emitStorage(emit: Emit, endpoints: readonly EndpointState[], collected: number): void {
  if (endpoints.length === 0) return
  emit(samplesIn, collected)
  emit(highestIn, Math.max(...endpoints.map(({ stats }) => stats.highestTimestampMs)) / 1000)
}

/** The numbers of one endpoint, as they are now. `nowMs` is the wall clock. */
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
