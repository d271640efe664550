import type { Labels } from '../../metrics/family.ts'
import type { GatewayOptions } from '../../pushgateway/options.ts'
import type { BlockContext } from '../context.ts'
import type { PushgatewayShape } from '../schema/schema.ts'
import { milliseconds } from '../schema/units.ts'
import { targetOf } from './target.ts'

interface LabelContext {
  /** `job` and `instance` hold where the block names none. */
  readonly identity: Labels
  /** Puts what is known of the host into a label. */
  readonly expanded: (text: string, place: string) => string
}

/** One gateway from its block; problems are added with their place. */
export async function gatewayOf(
  block: PushgatewayShape,
  context: BlockContext,
  given: LabelContext,
  alone: boolean,
): Promise<GatewayOptions> {
  const { place, problems } = context
  const target = await targetOf(block, context)
  if (block.name === undefined && !alone) problems.push(`${place}.name: is needed where there are several gateways`)
  const inGroup = /\/metrics(\/job(@base64)?\/.*)?\/?$/.exec(target.url.pathname)
  if (inGroup !== null)
    problems.push(`${place}.url: ${inGroup[0]} is added by hostpush: name job and grouping_key beside the url`)
  const job = given.expanded(block.job ?? given.identity['job'] ?? '', `${place}.job`)
  if (job === '') problems.push(`${place}.job: a job that is not empty is needed`)
  return {
    ...target,
    name: block.name ?? 'default',
    job,
    groupingKey: groupingKeyOf(block.grouping_key, `${place}.grouping_key`, given, problems),
    method: block.method ?? 'PUT',
    timeoutMs: milliseconds(block.timeout, 10_000),
    backoff: { minMs: 1000, maxMs: 60_000 },
    intervalMs: milliseconds(block.interval, 0),
    offsetMs: 0,
    deleteOnStart: block.delete_on_start ?? false,
    deleteOnShutdown: block.delete_on_shutdown ?? false,
  }
}

function groupingKeyOf(
  key: PushgatewayShape['grouping_key'],
  place: string,
  { identity, expanded }: LabelContext,
  problems: string[],
): Labels {
  const { instance = '' } = identity
  if (key === undefined) return instance === '' ? {} : { instance }
  for (const name of Object.keys(key).filter((one) => one === 'job' || one.startsWith('__')))
    problems.push(`${place}.${name}: ${name === 'job' ? 'stands beside the grouping_key' : 'such names are reserved'}`)
  return Object.fromEntries(Object.entries(key).map(([name, text]) => [name, expanded(text, `${place}.${name}`)]))
}
