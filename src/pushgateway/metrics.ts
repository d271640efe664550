import type { Emit } from '../collector.ts'
import { gauge, ownCounter } from '../metrics/index.ts'
import type { GatewayState } from './stats.ts'

const prefix = 'hostpush_pushgateway'
const of = ['remote_name', 'url'] as const

const samples = ownCounter(`${prefix}_samples_total`, 'Samples accepted by the Pushgateway.', of)
const samplesRejected = ownCounter(
  `${prefix}_samples_rejected_total`,
  'Samples of metric families that the Pushgateway rejects.',
  of,
)
const families = gauge(
  `${prefix}_rejected_families`,
  'Metric families that are not pushed because the Pushgateway rejects them.',
  of,
)
const skipped = ownCounter(
  `${prefix}_snapshots_skipped_total`,
  'Snapshots that were replaced by a newer one before they were pushed.',
  of,
)
const bytes = ownCounter(`${prefix}_bytes_total`, 'Compressed bytes of accepted pushes.', of)
const retries = ownCounter(`${prefix}_retries_total`, 'Pushes that were retried.', of)
const requests = ownCounter(`${prefix}_requests_total`, 'Requests sent, by HTTP status. Code 0: no response.', [
  ...of,
  'code',
])
const requestSeconds = ownCounter(`${prefix}_request_seconds_total`, 'Time spent in requests.', of)
const lastPush = gauge(`${prefix}_last_push_timestamp_seconds`, 'Time of the last accepted push.', of)

export function emitGateway(emit: Emit, { name, url, stats }: GatewayState): void {
  const labels = { remote_name: name, url }
  emit(samples, stats.samples, labels)
  emit(samplesRejected, stats.samplesRejected, labels)
  emit(families, stats.familiesRejected, labels)
  emit(skipped, stats.skipped, labels)
  emit(bytes, stats.bytes, labels)
  emit(retries, stats.retries, labels)
  for (const [code, count] of stats.answers) emit(requests, count, { ...labels, code: String(code) })
  emit(requestSeconds, stats.requestSeconds, labels)
  emit(lastPush, stats.lastPushMs === 0 ? undefined : stats.lastPushMs / 1000, labels)
}
