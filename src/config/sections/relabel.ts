import { keepList } from '../../relabel/allowlists.ts'
import type { Names, Rule } from '../../relabel/rule.ts'
import type { Relabel } from '../../relabel/rules.ts'
import type { SeriesSelection } from '../../remote-write/series/relabel.ts'
import type { Shape } from '../schema/schema.ts'

/** What each endpoint wants: its own keep list, the rules for all endpoints, then its own. */
export async function selectionOf(file: Shape, problems: string[]): Promise<readonly SeriesSelection[]> {
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
