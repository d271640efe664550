import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Labels } from '../../metrics/family.ts'
import type { GatewayOptions } from '../../pushgateway/options.ts'
import { keepList } from '../../relabel/allowlists.ts'
import type { Names, Rule } from '../../relabel/rule.ts'
import type { Relabel } from '../../relabel/rules.ts'
import type { EndpointOptions } from '../../remote-write/index.ts'
import type { SeriesSelection } from '../../remote-write/series/relabel.ts'
import type { BlockContext } from '../context.ts'
import type { Shape } from '../schema/schema.ts'
import { samplingRuleOf } from './interval.ts'
import { gatewayOf } from './pushgateway.ts'
import { endpointOf } from './remote-write.ts'

interface Outputs {
  readonly remoteWrite: readonly EndpointOptions[]
  readonly pushgateways: readonly GatewayOptions[]
}

interface OutputContext extends Omit<BlockContext, 'place'> {
  readonly identity: Labels
  /** Puts what is known of the host into a label. */
  readonly expanded: (text: string, place: string) => string
  readonly intervalMs: number
}

/** Everything that is pushed to. */
export async function outputsOf(
  file: Shape,
  { identity, expanded, intervalMs, ...context }: OutputContext,
): Promise<Outputs> {
  const { remote_write: blocks = [], pushgateway: gateways = [] } = file
  const remoteWrite: EndpointOptions[] = []
  for (const [i, block] of blocks.entries())
    remoteWrite.push(await endpointOf(block, { ...context, place: `remote_write[${i}]` }, blocks.length === 1))
  const wanted = await selectionOf(file, context.problems)
  const pushgateways: GatewayOptions[] = []
  for (const [i, block] of gateways.entries()) {
    const at = { ...context, place: `pushgateway[${i}]` }
    pushgateways.push(await gatewayOf(block, at, { identity, expanded }, gateways.length === 1))
  }
  for (const name of repeated(remoteWrite)) context.problems.push(`remote_write: two endpoints are called ${name}`)
  for (const name of repeated(pushgateways)) context.problems.push(`pushgateway: two gateways are called ${name}`)
  return {
    remoteWrite: remoteWrite.map((one, i) => {
      const sampling = samplingRuleOf(blocks[i]?.interval, intervalMs, { ...context, place: `remote_write[${i}]` })
      const ownMs = sampling?.intervalMs ?? intervalMs
      const offsetMs = offsetOf(identity, ownMs)
      const digest = digestOf([blocks[i], file.write_relabel_configs, file.global, identity, intervalMs])
      return { ...one, ...wanted[i], ...(sampling && { sampling }), intervalMs: ownMs, offsetMs, digest }
    }),
    pushgateways: pushgateways.map((one, i) => {
      const digest = digestOf([gateways[i], identity, intervalMs])
      return { ...one, offsetMs: offsetOf(identity, intervalMs), digest }
    }),
  }
}

/** Of all that an output is made from, secrets among it, which it does not show. */
const digestOf = (words: unknown) => createHash('sha256').update(JSON.stringify(words)).digest('hex')

/** A fleet collects in one moment and sends over a third of the interval, each host at its own place in it. */
export function offsetOf(identity: Labels, intervalMs: number): number {
  return crc32(JSON.stringify(identity)) % Math.max(1, Math.floor(intervalMs / 3))
}

function repeated(outputs: readonly { readonly name: string }[]): ReadonlySet<string> {
  const names = outputs.map(({ name }) => name)
  return new Set(names.filter((name, i) => names.indexOf(name) !== i))
}

/** What each endpoint wants: its own keep list, the rules for all endpoints, then its own. */
async function selectionOf(file: Shape, problems: string[]): Promise<readonly SeriesSelection[]> {
  const names = file.global?.metric_name_validation_scheme ?? 'legacy'
  const all = await compiled(file.write_relabel_configs, names, 'write_relabel_configs', problems)
  const each = (file.remote_write ?? []).map(async ({ metrics, write_relabel_configs: rules }, i) => ({
    metrics: keepList(metrics ?? 'full'),
    relabel: then(all, await compiled(rules, names, `remote_write[${i}].write_relabel_configs`, problems)),
  }))
  return Promise.all(each)
}

async function compiled(
  rules: readonly Rule[] | undefined,
  names: Names,
  place: string,
  problems: string[],
): Promise<Relabel | undefined> {
  if (rules === undefined || rules.length === 0) return undefined
  const { compileRules } = await import('../../relabel/rules.ts')
  return compileRules(rules, names, (at, text) => problems.push(`${place}[${at}].${text}`))
}

function then(first: Relabel | undefined, second: Relabel | undefined): Relabel | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return (labels) => {
    const between = first(labels)
    return between && second(between)
  }
}
