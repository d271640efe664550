import * as v from 'valibot'
import { milliseconds, positive, samplingRuleOf, target, targetOf } from '../../../src/config/output-block.ts'
import type { Backoff } from '../../../src/http/index.ts'
import type { OutputContext, OutputOptions } from '../../../src/output.ts'

export interface JsonLinesOptions extends OutputOptions {
  readonly backoff: Backoff
  /** A request holds one snapshot, or several with at most so many samples. */
  readonly maxSamples: number
}

/** One block of `json_lines`. */
export const jsonLinesSchema = v.strictObject({
  ...target,
  interval: v.optional(positive),
  timeout: v.optional(positive),
})

type JsonLinesBlock = v.InferOutput<typeof jsonLinesSchema>

/** One receiver from its block. */
export async function jsonLinesOptions(block: JsonLinesBlock, context: OutputContext): Promise<JsonLinesOptions> {
  const { place, problems, isAlone } = context
  if (block.name === undefined && !isAlone)
    problems.push(`${place}.name: is needed where there are several receivers of JSON lines`)
  const sampling = samplingRuleOf(block.interval, context)
  return {
    ...(await targetOf(block, context)),
    name: block.name ?? 'default',
    timeoutMs: milliseconds(block.timeout, 10_000),
    backoff: { minMs: 1000, maxMs: 60_000 },
    ...(sampling && { sampling }),
    maxSamples: 10_000,
  }
}
