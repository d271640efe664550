import type { Snapshot } from '../metrics/index.ts'

/**
 * An endpoint with an interval longer than the collection: it gets one snapshot per `intervalMs`, collected every
 * `collectedMs`.
 */
export interface SamplingRule {
  readonly intervalMs: number
  readonly collectedMs: number
}

/**
 * True for the snapshots at the slots that are multiples of the interval, and for the last one before a stop. The result depends
 * only on the snapshot, so a restart does not change it. Without a slot, the snapshot nearest to each multiple of the
 * interval is included.
 */
export function includes(sampling: SamplingRule | undefined, { timestampMs, slot, isLast }: Snapshot): boolean {
  if (sampling === undefined || isLast) return true
  const { intervalMs, collectedMs } = sampling
  const sinceStartMs = slot === undefined ? timestampMs + collectedMs / 2 : slot * collectedMs
  return sinceStartMs % intervalMs < collectedMs
}

/** Estimate of how many of `count` samples or snapshots are included, if they are not known individually. */
export const fractionOf = (sampling: SamplingRule | undefined, count: number): number =>
  sampling === undefined ? count : Math.ceil((count * sampling.collectedMs) / sampling.intervalMs)

/** How many samples to read to get about `count` included ones. */
export const readCountFor = (sampling: SamplingRule | undefined, count: number): number =>
  sampling === undefined ? count : (count * sampling.intervalMs) / sampling.collectedMs
