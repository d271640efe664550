import { hash } from 'node:crypto'

import type { LabelSet } from './label-set.ts'
import type { Matcher } from './matcher.ts'
import type { Action, Filled } from './rule.ts'
import { template } from './template.ts'

/** Applies a rule to labels; false drops the series. */
export type Step = (labels: LabelSet) => boolean

type IsName = (text: string) => boolean
type Make = (rule: Filled, matcher: Matcher, isName: IsName) => Step

/** The joined values of the source labels. */
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
  (expected: boolean): Make =>
  (rule, { match }) =>
  (labels) =>
    (match(sourceOf(rule, labels)) !== undefined) === expected

const keepingEqual =
  (expected: boolean): Make =>
  (rule) =>
  (labels) =>
    (labels.get(rule.target_label) === sourceOf(rule, labels)) === expected

const keepingLabels =
  (expected: boolean): Make =>
  (_, { match }) =>
  (labels) => {
    for (const [name] of labels.entries) if ((match(name) !== undefined) !== expected) labels.delete(name)
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

/** The last eight bytes of the MD5 modulo `modulus`, as in Prometheus, so that shards are the same. */
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

/** Letters with iota subscript: Go's upper case is one character, JavaScript's is two. */
const iotaCapitals: readonly (readonly [from: number, to: number, capital: (code: number) => number])[] = [
  [0x1f80, 0x1faf, (code) => code | 8],
  [0x1fb3, 0x1fb3, (code) => code + 9],
  [0x1fc3, 0x1fc3, (code) => code + 9],
  [0x1ff3, 0x1ff3, (code) => code + 9],
]

/*
 * Go's upper and lower case map each character to one character, independent of its context. JavaScript also applies
 * https://www.unicode.org/Public/UCD/latest/ucd/SpecialCasing.txt.
 */

function lowerCase(text: string): string {
  return Array.from(text, (char) => String.fromCodePoint(char.toLowerCase().codePointAt(0) ?? 0)).join('')
}

function upperCase(text: string): string {
  return Array.from(text, capitalOf).join('')
}

function capitalOf(char: string): string {
  const upper = char.toUpperCase()
  const code = char.codePointAt(0) ?? 0
  if (upper.length === String.fromCodePoint(upper.codePointAt(0) ?? 0).length) return upper
  const found = iotaCapitals.find(([from, to]) => code >= from && code <= to)
  return found === undefined ? char : String.fromCodePoint(found[2](code))
}
