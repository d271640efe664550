import type { Snapshot } from '../metrics/index.ts'

/** Which snapshots an endpoint takes that does not want each: one every `intervalMs` of those every `collectedMs`. */
export interface SamplingRule {
  readonly intervalMs: number
  readonly collectedMs: number
}

/**
 * The snapshot nearest to each multiple of the interval, and the last before a stop. It follows from the snapshot's own
 * time and nothing else, so that a restart in the middle of a backlog, or of a request, makes no difference. Collections
 * are aligned to the wall clock, so around each tick there is one within half of their interval, and only one.
 */
export function includes(sampling: SamplingRule | undefined, { timestampMs, isLast }: Snapshot): boolean {
  if (sampling === undefined || isLast) return true
  const { intervalMs, collectedMs } = sampling
  return (timestampMs + collectedMs / 2) % intervalMs < collectedMs
}

/** Of so many samples, or snapshots, those that are taken: where they are not known one by one. */
export const fractionOf = (sampling: SamplingRule | undefined, count: number): number =>
  sampling === undefined ? count : Math.ceil((count * sampling.collectedMs) / sampling.intervalMs)

/** How many of anything must be read to get so many that are taken. */
export const readCountFor = (sampling: SamplingRule | undefined, count: number): number =>
  sampling === undefined ? count : (count * sampling.intervalMs) / sampling.collectedMs
