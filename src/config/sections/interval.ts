import type { SamplingRule } from '../../buffer/sampling.ts'
import type { BlockContext } from '../context.ts'
import type { Shape } from '../schema/schema.ts'
import { milliseconds } from '../schema/units.ts'

/** How often an output is fed that says nothing of it. */
const usual = '15s'

/** How often to collect where that is not said: as often as the output that wants most. */
export function minIntervalMs({ remote_write: blocks = [], pushgateway: gateways = [] }: Shape): string {
  const wanted = [...blocks, ...gateways].map(({ interval = usual }) => interval)
  return wanted.toSorted((left, right) => milliseconds(left, 0) - milliseconds(right, 0))[0] ?? usual
}

/** Which of the collected snapshots an endpoint takes; undefined for each. A problem is added with its place. */
export function samplingRuleOf(
  interval: string | undefined,
  collectedMs: number,
  context: BlockContext,
): SamplingRule | undefined {
  const intervalMs = milliseconds(interval, collectedMs)
  if (intervalMs < collectedMs)
    context.problems.push(
      `${context.place}.interval: ${interval} is shorter than global.scrape_interval, ${collectedMs / 1000}s: make that shorter`,
    )
  return intervalMs <= collectedMs ? undefined : { intervalMs, collectedMs }
}
