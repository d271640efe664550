import type { Entry } from '../buffer/index.ts'
import type { Series, Snapshot } from '../metrics/index.ts'

import {
  type Compression,
  Compressor,
  createStats,
  type Encoder,
  EncoderV1,
  EncoderV2,
  familiesIn,
  type Inline,
  type ProtobufMessage,
  Relabeller,
  type SeriesSelection,
} from '../remote-write/measure.ts'

import { silent } from '../util/log.ts'
import { userAgent } from '../util/version.ts'

/** 30 days. */
export const monthMs = 2_592_000_000

/** The settings of an endpoint that affect its volume. With `sendIntervalMs` 0 each snapshot is sent immediately. */
export interface Plan extends SeriesSelection {
  readonly intervalMs: number
  readonly sendIntervalMs: number
  readonly metadataIntervalMs: number
  readonly maxSamplesPerSend: number
  /** `auto` is measured as 1.0, which every receiver supports. */
  readonly protobufMessage: ProtobufMessage
  readonly inline: Inline
  readonly compression?: Compression
}

/** The volume of a plan. Bytes are those of compressed request bodies. */
export interface Volume {
  readonly series: number
  readonly samplesPerMinute: number
  readonly samplesPerMonth: number
  readonly requestsPerMonth: number
  readonly bytesPerMonth: number
}

/** Number of snapshots in one request. */
export function snapshotsPerRequest({ intervalMs, sendIntervalMs, maxSamplesPerSend }: Plan, series: number): number {
  const bundled = Math.max(1, Math.round(sendIntervalMs / intervalMs))
  return Math.max(1, Math.min(bundled, Math.floor(maxSamplesPerSend / Math.max(1, series))))
}

/** Encodes and compresses these snapshots as an endpoint does. There must be at least as many as in one request. */
export function volumeOf(snapshots: readonly Snapshot[], plan: Plan): Volume {
  const relabelling = new Relabeller(plan, {
    log: silent,
    stats: createStats(),
    receiver: { remote_name: '', url: '' },
  })
  const encoder = encoderOf(plan, relabelling, 'none')
  const withMetadata = plan.inline === 'periodic' ? encoderOf(plan, relabelling, 'full') : encoder
  const compressor = new Compressor(plan.compression ?? 'snappy', userAgent)
  const entries = relabelling.entries(snapshots.map((snapshot, i): Entry => ({ sequence: i + 1, snapshot })))
  const series = entries.at(-1)?.snapshot.series.length ?? 0
  const together = snapshotsPerRequest(plan, series)
  const sizeOf = (one: Encoder) => {
    const sizes: number[] = []
    for (let i = 0; i + together <= entries.length; i += together) {
      const { bytes, samples } = one.encode({ entries: entries.slice(i, i + together), stale: [] })
      sizes.push(samples === 0 ? 0 : compressor.pack(bytes, one).body.length)
    }
    return mean(sizes)
  }
  // with periodic metadata, the share of the requests that have it
  const share = Math.min(1, (plan.intervalMs * together) / Math.max(1, plan.metadataIntervalMs))
  const size = withMetadata === encoder ? sizeOf(encoder) : share * sizeOf(withMetadata) + (1 - share) * sizeOf(encoder)
  const requestsPerMonth = series === 0 ? 0 : monthMs / (plan.intervalMs * together)
  const eachMs = Math.max(plan.metadataIntervalMs, plan.intervalMs * together)
  const families = plan.metadataIntervalMs > 0 && series > 0 ? encoder.metadata?.(familiesIn(entries)) : undefined
  const metadata = families === undefined ? 0 : compressor.pack(families, encoder).body.length
  const metadataRequests = families === undefined ? 0 : monthMs / eachMs
  return {
    series,
    samplesPerMinute: (series * 60_000) / plan.intervalMs,
    samplesPerMonth: Math.round((series * monthMs) / plan.intervalMs),
    requestsPerMonth: Math.round(requestsPerMonth + metadataRequests),
    bytesPerMonth: Math.round(requestsPerMonth * size + metadataRequests * metadata),
  }
}

/** `periodic`: what replaces periodic metadata. */
function encoderOf({ protobufMessage, inline }: Plan, relabelling: Relabeller, periodic: 'full' | 'none'): Encoder {
  const labels = (series: Series) => relabelling.labels(series)
  if (protobufMessage !== 'io.prometheus.write.v2.Request') return new EncoderV1(labels)
  return new EncoderV2(inline === 'periodic' ? periodic : inline, labels)
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length)
