import { crc32 } from 'node:zlib'
import type { SamplingRule } from '../../buffer/index.ts'
import type { Labels } from '../../metrics/index.ts'
import type { OutputContext } from '../../output.ts'
import { milliseconds } from '../schema/units.ts'

/** Which of the collected snapshots an output reads that has an interval; undefined for every one. */
export function samplingRuleOf(
  interval: string | undefined,
  { intervalMs: collectedMs, place, problems }: Pick<OutputContext, 'intervalMs' | 'place' | 'problems'>,
): SamplingRule | undefined {
  const intervalMs = milliseconds(interval, collectedMs)
  if (intervalMs < collectedMs)
    problems.push(
      `${place}.interval: ${interval} is shorter than global.scrape_interval, ${collectedMs / 1000}s: make that shorter`,
    )
  return intervalMs <= collectedMs ? undefined : { intervalMs, collectedMs }
}

/** A fleet collects in one moment and sends over a third of the interval, each host at its own place in it. */
export function offsetOf(identity: Labels, intervalMs: number): number {
  return crc32(JSON.stringify(identity)) % Math.max(1, Math.floor(intervalMs / 3))
}
