import { hash } from 'node:crypto'
import { lowerCase, upperCase } from './case.ts'
import type { LabelSet } from './label-set.ts'
import type { Matcher } from './matcher.ts'
import type { Action, Filled } from './rule.ts'
import { template } from './template.ts'

/** What a rule does to labels; false drops the series. */
export type Step = (labels: LabelSet) => boolean

type IsName = (text: string) => boolean
type Make = (rule: Filled, matcher: Matcher, isName: IsName) => Step

/** What the source labels hold, joined: what most actions look at. */
const sourceOf = ({ source_labels, separator }: Filled, labels: LabelSet) =>
  source_labels.map((name) => labels.get(name)).join(separator)

const setting =
  (made: (text: string, rule: Filled) => string): Make =>
  (rule) =>
  (labels) => {
    labels.set(rule.target_label, made(sourceOf(rule, labels), rule))
    return true
  }

const keeping =
  (wanted: boolean): Make =>
  (rule, { match }) =>
  (labels) =>
    (match(sourceOf(rule, labels)) !== undefined) === wanted

const keepingEqual =
  (wanted: boolean): Make =>
  (rule) =>
  (labels) =>
    (labels.get(rule.target_label) === sourceOf(rule, labels)) === wanted

const keepingLabels =
  (wanted: boolean): Make =>
  (_, { match }) =>
  (labels) => {
    for (const [name] of labels.entries) if ((match(name) !== undefined) !== wanted) labels.delete(name)
    return true
  }

const replace: Make = (rule, { match, named }, isName) => {
  const [target, replacement] = [template(rule.target_label, named), template(rule.replacement, named)]
  return (labels) => {
    const groups = match(sourceOf(rule, labels))
    if (groups === undefined) return true
    const name = target(groups)
    if (isName(name)) labels.set(name, replacement(groups))
    return true
  }
}

const mapLabels: Make = (rule, { match, named }) => {
  const replacement = template(rule.replacement, named)
  return (labels) => {
    for (const [name, value] of labels.entries) {
      const groups = match(name)
      if (groups !== undefined) labels.set(replacement(groups), value)
    }
    return true
  }
}

/** The last eight bytes of the MD5 are the number: a shard is the same one as Prometheus's. */
function hashmod(text: string, { modulus }: Filled): string {
  return String(hash('md5', text, 'buffer').readBigUInt64BE(8) % BigInt(modulus))
}

export const steps: Readonly<Record<Action, Make>> = {
  replace,
  keep: keeping(true),
  drop: keeping(false),
  keepequal: keepingEqual(true),
  dropequal: keepingEqual(false),
  hashmod: setting(hashmod),
  labelmap: mapLabels,
  labeldrop: keepingLabels(false),
  labelkeep: keepingLabels(true),
  lowercase: setting(lowerCase),
  uppercase: setting(upperCase),
}
