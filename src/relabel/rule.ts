import { anything } from './matcher.ts'

export const actions = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const
export type Action = (typeof actions)[number]

/**
 * A rule in Prometheus's words.
 * https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
 */
export interface Rule {
  readonly source_labels?: readonly string[] | undefined
  readonly separator?: string | undefined
  readonly regex?: string | undefined
  readonly modulus?: number | undefined
  readonly target_label?: string | undefined
  readonly replacement?: string | undefined
  readonly action?: Action | undefined
}

/** A rule with nothing left out. */
export type Filled = { readonly [key in keyof Rule]-?: NonNullable<Rule[key]> }

const defaults: Filled = {
  source_labels: [],
  separator: ';',
  regex: anything,
  modulus: 0,
  target_label: '',
  replacement: '$1',
  action: 'replace',
}

/** JSON has no undefined: what is not given is not there. */
export const filled = (rule: Rule): Filled => ({ ...defaults, ...rule }) as Filled

/** The names that labels may have: letters, digits and _ (remote-write 1.0 has no others), or any text. */
export type Names = 'legacy' | 'utf8'

const reference = String.raw`\$(?:\{\w+\}|\w)`
const patterns: Readonly<Record<Names, Readonly<Record<'name' | 'template', RegExp>>>> = {
  legacy: { name: /^[a-zA-Z_]\w*$/, template: new RegExp(`^(?:[a-zA-Z_]|${reference})(?:\\w|${reference})*$`) },
  utf8: { name: /./su, template: /./su },
}

const hint: Readonly<Record<Names, string>> = {
  legacy: ': use letters, digits and _ (metric_name_validation_scheme "utf8" allows others)',
  utf8: '',
}

/** Whether a label may have this name. */
export const isName = (name: string, names: Names): boolean => patterns[names].name.test(name)

const withTarget: ReadonlySet<Action> = new Set([
  'replace',
  'keepequal',
  'dropequal',
  'hashmod',
  'lowercase',
  'uppercase',
])

const onlyEqual = ['separator', 'regex', 'modulus', 'replacement'] as const
const onlyRegex = ['source_labels', 'separator', 'modulus', 'target_label', 'replacement'] as const

/** What an action has no use for: a rule that says it means something else. */
const useless: Readonly<Partial<Record<Action, readonly (keyof Rule)[]>>> = {
  keepequal: onlyEqual,
  dropequal: onlyEqual,
  labeldrop: onlyRegex,
  labelkeep: onlyRegex,
  lowercase: ['replacement'],
  uppercase: ['replacement'],
}

/** A default that is written out says nothing, of those two excepted. */
const isSaid = (rule: Rule, key: keyof Rule) =>
  rule[key] !== undefined && (key === 'regex' || key === 'source_labels' || rule[key] !== defaults[key])

/** What is wrong with a rule, its regular expression apart: the same that Prometheus refuses. */
export function problemsOf(rule: Rule, names: Names): string[] {
  const { action, target_label: target, source_labels: sources, replacement, modulus } = filled(rule)
  const problems: string[] = []
  const named = (key: keyof Rule, name: string, kind: 'name' | 'template' = 'name') => {
    if (!patterns[names][kind].test(name))
      problems.push(`${key}: ${JSON.stringify(name)} is not a label name${hint[names]}`)
  }
  if (sources.includes('')) problems.push('source_labels: a label name is empty')
  if (action === 'hashmod' && modulus === 0) problems.push('modulus: required for the action hashmod, at least 1')
  if (withTarget.has(action)) {
    if (target === '') problems.push(`target_label: required for the action ${action}`)
    else named('target_label', target, action === 'replace' ? 'template' : 'name')
  }
  if (action === 'labelmap') named('replacement', replacement, 'template')
  for (const key of useless[action] ?? [])
    if (isSaid(rule, key)) problems.push(`${key}: not allowed with the action ${action}`)
  return problems
}
