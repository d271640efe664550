import fc from 'fast-check'
import type { Question } from './judge.ts'

const names = ['__name__', 'a', 'b', 'c1', '_d', 'A_b', '__tmp', 'a.b', 'é']
const word = fc.constantFrom('a', 'b', 'ab', 'a1', '1', '12', '', ';', '-', 'B', 'é', 'x;y', '/run/a', '\n', 'ß', '$1')
const value = fc.array(word, { maxLength: 3 }).map((words) => words.join(''))
const name = fc.constantFrom(...names)
const series = fc.dictionary(
  name,
  value.filter((text) => text !== ''),
  { maxKeys: 6 },
)

const atom = fc.constantFrom(
  'a',
  'b',
  '.',
  '.*',
  '.+',
  '(.*)',
  '(.)',
  '([a-z]+)',
  '(\\d*)',
  '(?P<n>[^;]*)',
  ';',
  '(a|b)',
  '(x)?',
  '',
)
/** RE2JS requires unique group names. */
const joined = (atoms: readonly string[]) =>
  atoms.filter((atom, i) => !atom.includes('<n>') || atoms.indexOf(atom) === i).join('')
const expression = fc.oneof(
  { weight: 5, arbitrary: fc.array(atom, { maxLength: 4 }).map(joined) },
  { weight: 2, arbitrary: fc.array(name, { minLength: 1, maxLength: 3 }).map((all) => all.join('|')) },
  { weight: 1, arbitrary: fc.constantFrom('a(', '[a', '(?i)(A)b*', 'a|', '|', '(?m)^(.*)$') },
)
const piece = fc.constantFrom(
  '$1',
  '${1}',
  '$2',
  '${n}',
  '$n',
  '$$',
  '$',
  '${',
  'a',
  '_',
  'b',
  '1',
  '$1x',
  '-',
  '$0',
  'é',
)
const template = fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join(''))
const likelyName = fc
  .array(fc.constantFrom('a', 'b', '_', '$1', '${1}', '${n}'), { minLength: 1, maxLength: 3 })
  .map((pieces) => pieces.join(''))

const general = fc.record(
  {
    source_labels: fc.array(name, { maxLength: 3 }),
    separator: fc.constantFrom(';', '', '-'),
    regex: expression,
    modulus: fc.integer({ min: 0, max: 1000 }),
    target_label: fc.oneof({ weight: 4, arbitrary: name }, { weight: 2, arbitrary: likelyName }, template),
    replacement: template,
    action: fc.constantFrom('replace', 'keep', 'drop', 'hashmod', 'labelmap'),
  },
  { requiredKeys: ['action'] },
)

/** A plausible rule for each action. */
const sensible = fc.oneof(
  fc.record({
    source_labels: fc.array(name, { maxLength: 2 }),
    regex: expression,
    target_label: fc.oneof(name, likelyName),
    replacement: template,
  }),
  fc.record({
    action: fc.constantFrom('keep', 'drop'),
    source_labels: fc.array(name, { minLength: 1, maxLength: 2 }),
    regex: expression,
  }),
  fc.record({
    action: fc.constantFrom('keepequal', 'dropequal', 'lowercase', 'uppercase'),
    source_labels: fc.array(name, { minLength: 1, maxLength: 2 }),
    target_label: name,
  }),
  fc.record({
    action: fc.constant('hashmod'),
    source_labels: fc.array(name, { maxLength: 3 }),
    target_label: name,
    modulus: fc.integer({ min: 1, max: 2 ** 40 }),
  }),
  fc.record({ action: fc.constantFrom('labeldrop', 'labelkeep'), regex: expression }),
  fc.record({ action: fc.constant('labelmap'), regex: expression, replacement: likelyName }),
)

const question: fc.Arbitrary<Question> = fc.record({
  names: fc.constantFrom('legacy', 'utf8'),
  rules: fc.array(fc.oneof({ weight: 9, arbitrary: sensible }, { weight: 1, arbitrary: general }), {
    minLength: 1,
    maxLength: 4,
  }),
  series: fc.array(series, { minLength: 3, maxLength: 6 }),
})

/** Reproducible random cases. */
export const random = (count: number, seed = 20260101): readonly Question[] =>
  fc.sample(question, { numRuns: count, seed })
