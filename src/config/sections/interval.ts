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

/** Spreads the collections and requests of a fleet: the offset of a host within an interval, as a fraction from 0 to 1. */
export function offsetOf(identity: Labels): number {
  // a CRC of similar names differs in few bits: the multiplication spreads them (the finalizer of MurmurHash3)
  let hash = crc32(JSON.stringify(identity))
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
