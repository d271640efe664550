import { crc32 } from 'node:zlib'
import type { SamplingRule } from '../../buffer/index.ts'
import type { Labels } from '../../metrics/index.ts'
import type { OutputContext } from '../../output.ts'
import { milliseconds } from '../schema/units.ts'

/** The snapshots that an output with an interval reads; undefined for all. */
export function samplingRuleOf(
  interval: string | undefined,
  { intervalMs: collectedMs, place, problems }: Pick<OutputContext, 'intervalMs' | 'place' | 'problems'>,
): SamplingRule | undefined {
  const intervalMs = milliseconds(interval, collectedMs)
  if (intervalMs < collectedMs)
    problems.push(
      `${place}.interval: ${interval} is shorter than global.scrape_interval (${collectedMs / 1000}s), set a shorter global.scrape_interval`,
    )
  return intervalMs <= collectedMs ? undefined : { intervalMs, collectedMs }
}

/** Spreads the requests of a fleet: each host sends at a fixed offset within the first third of the interval. */
export function offsetOf(identity: Labels, intervalMs: number): number {
  return crc32(JSON.stringify(identity)) % Math.max(1, Math.floor(intervalMs / 3))
}
