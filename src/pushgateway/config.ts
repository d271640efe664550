import * as v from 'valibot'
import { filled, flag, labels, milliseconds, positive, target, targetOf } from '../config/output-block.ts'
import type { Labels } from '../metrics/index.ts'
import type { OutputContext } from '../output.ts'
import type { GatewayOptions } from './options.ts'

/** One block of `pushgateway`. */
export const pushgatewaySchema = v.strictObject({
  ...target,
  job: v.optional(filled),
  grouping_key: v.optional(labels),
  method: v.optional(v.picklist(['PUT', 'POST'], 'expected "PUT" or "POST"')),
  interval: v.optional(positive),
  timeout: v.optional(positive),
  delete_on_start: v.optional(flag),
  delete_on_shutdown: v.optional(flag),
})

export type PushgatewayBlock = v.InferOutput<typeof pushgatewaySchema>

/** Options of one Pushgateway from its block of `pushgateway`. Errors go to the context. */
export async function gatewayOptions(block: PushgatewayBlock, context: OutputContext): Promise<GatewayOptions> {
  const { place, problems, identity, expanded } = context
  const target = await targetOf(block, context)
  if (block.name === undefined && !context.isAlone)
    problems.push(`${place}.name: required because there are several pushgateway blocks`)
  const groupPath = /\/metrics(\/job(@base64)?\/.*)?\/?$/.exec(target.url.pathname)
  if (groupPath !== null)
    problems.push(
      `${place}.url: remove ${groupPath[0]}, hostpush adds the path itself; set job and grouping_key instead`,
    )
  const job = expanded(block.job ?? identity['job'] ?? '', `${place}.job`)
  if (job === '') problems.push(`${place}.job: required and must not be empty`)
  return {
    ...target,
    name: block.name ?? 'default',
    job,
    groupingKey: groupingKeyOf(block.grouping_key, `${place}.grouping_key`, context),
    method: block.method ?? 'PUT',
    timeoutMs: milliseconds(block.timeout, 10_000),
    backoff: { minMs: 1000, maxMs: 60_000 },
    intervalMs: milliseconds(block.interval, 0),
    deleteOnStart: block.delete_on_start ?? false,
    deleteOnShutdown: block.delete_on_shutdown ?? false,
  }
}

function groupingKeyOf(
  key: PushgatewayBlock['grouping_key'],
  place: string,
  { identity, expanded, problems }: OutputContext,
): Labels {
  const { instance = '' } = identity
  if (key === undefined) return instance === '' ? {} : { instance }
  for (const name of Object.keys(key).filter((one) => one === 'job' || one.startsWith('__')))
    problems.push(
      `${place}.${name}: ${name === 'job' ? 'not allowed in grouping_key, set the key job of the block' : 'names that start with __ are reserved'}`,
    )
  return Object.fromEntries(Object.entries(key).map(([name, text]) => [name, expanded(text, `${place}.${name}`)]))
}
