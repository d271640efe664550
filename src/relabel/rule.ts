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
 * A rule with the keys of Prometheus.
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

/** A rule with all defaults filled in. */
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

/** Fills in the defaults. Keys of `rule` are never explicitly undefined, as it comes from JSON. */
export const filled = (rule: Rule): Filled => ({ ...defaults, ...rule }) as Filled

/** Allowed label names: letters, digits and _ (the only ones in remote-write 1.0), or any text. */
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

/** Whether this label name is allowed. */
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

/** Keys that an action does not use, as in Prometheus. A rule that sets one is probably a mistake. */
const unusedKeys: Readonly<Partial<Record<Action, readonly (keyof Rule)[]>>> = {
  keepequal: onlyEqual,
  dropequal: onlyEqual,
  labeldrop: onlyRegex,
  labelkeep: onlyRegex,
  lowercase: ['replacement'],
  uppercase: ['replacement'],
}

/** Whether a rule sets a key. An explicit default does not count, except for `regex` and `source_labels`. */
const isSet = (rule: Rule, key: keyof Rule) =>
  rule[key] !== undefined && (key === 'regex' || key === 'source_labels' || rule[key] !== defaults[key])

/** The problems of a rule, without its regular expression: the same rules that Prometheus rejects. */
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
  for (const key of unusedKeys[action] ?? [])
    if (isSet(rule, key)) problems.push(`${key}: not allowed with the action ${action}`)
  return problems
}
