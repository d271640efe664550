import type { Entry } from '../buffer/buffer.ts'
import { silent } from '../log.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { EncoderV1 } from '../remote-write/encode-v1.ts'
import { familiesIn } from '../remote-write/metadata.ts'
import { Relabelling, type Wanted } from '../remote-write/relabelling.ts'
import { createSnappy } from '../remote-write/snappy.ts'
import { noStats } from '../remote-write/stats.ts'

/** 30 days. */
export const monthMs = 2_592_000_000

/** How an endpoint is sent to. Milliseconds; `sendIntervalMs` 0 sends each snapshot at once. */
export interface Plan extends Wanted {
  readonly intervalMs: number
  readonly sendIntervalMs: number
  readonly metadataIntervalMs: number
  readonly maxSamplesPerSend: number
}

/** What a plan comes to. Bytes are those of the bodies, compressed. */
export interface Volume {
  readonly series: number
  readonly samplesPerMinute: number
  readonly samplesPerMonth: number
  readonly requestsPerMonth: number
  readonly bytesPerMonth: number
}

/** How many snapshots a plan puts into one request. */
export function snapshotsPerRequest({ intervalMs, sendIntervalMs, maxSamplesPerSend }: Plan, series: number): number {
  const wanted = Math.max(1, Math.round(sendIntervalMs / intervalMs))
  return Math.max(1, Math.min(wanted, Math.floor(maxSamplesPerSend / Math.max(1, series))))
}

/** Encodes and compresses what would be sent of these snapshots, which are as many as a request has or more. */
export function volumeOf(snapshots: readonly Snapshot[], plan: Plan): Volume {
  const relabelling = new Relabelling(plan, { log: silent, stats: noStats(), about: { remote_name: '', url: '' } })
  const encoder = new EncoderV1((series) => relabelling.labels(series))
  const compress = createSnappy()
  const entries = relabelling.entries(snapshots.map((snapshot, i): Entry => ({ sequence: i + 1, snapshot })))
  const series = entries.at(-1)?.snapshot.series.length ?? 0
  const together = snapshotsPerRequest(plan, series)
  const sizes: number[] = []
  for (let i = 0; i + together <= entries.length; i += together) {
    const { bytes, samples } = encoder.encode({ entries: entries.slice(i, i + together), stale: [] })
    sizes.push(samples === 0 ? 0 : compress(bytes).length)
  }
  const requestsPerMonth = series === 0 ? 0 : monthMs / (plan.intervalMs * together)
  const eachMs = Math.max(plan.metadataIntervalMs, plan.intervalMs * together)
  const hasMetadata = plan.metadataIntervalMs > 0 && series > 0
  const metadata = hasMetadata ? compress(encoder.metadata(familiesIn(entries))).length : 0
  const metadataRequests = hasMetadata ? monthMs / eachMs : 0
  return {
    series,
    samplesPerMinute: (series * 60_000) / plan.intervalMs,
    samplesPerMonth: Math.round((series * monthMs) / plan.intervalMs),
    requestsPerMonth: Math.round(requestsPerMonth + metadataRequests),
    bytesPerMonth: Math.round(requestsPerMonth * mean(sizes) + metadataRequests * metadata),
  }
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length)
