import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byCodeUnit } from '../../src/metrics/family.ts'
import type { Rule } from '../../src/relabel/rule.ts'
import { compileRules } from '../../src/relabel/rules.ts'
import { cases, series as hosts } from './cases.ts'
import { type Answer, judge, type Question } from './judge.ts'
import { random } from './random.ts'
import { doubtful } from './rejected-rules.ts'

/** The result of hostpush. */
async function ours({ names, rules, series }: Question): Promise<Answer> {
  const problems: string[] = []
  const relabel = await compileRules(rules as readonly Rule[], names, (_, text) => problems.push(text))
  if (problems.length > 0) return { refused: problems.join('\n'), series: [] }
  return {
    series: series.map((one) => {
      const labels = relabel(Object.entries(one).sort(([left], [right]) => byCodeUnit(left, right)))
      return labels === undefined ? null : Object.fromEntries(labels)
    }),
  }
}

/** Asserts equal results; error messages may differ. */
async function assertEqual(questions: readonly Question[], answers: readonly Answer[]): Promise<void> {
  for (const [i, question] of questions.entries()) {
    const [our, their] = [await ours(question), answers[i]]
    const told = `${JSON.stringify(question)}: ${their?.refused} / ${our.refused}`
    assert.equal(our.refused !== undefined, their?.refused !== undefined, told)
    if (our.refused === undefined) assert.deepEqual(our.series, their?.series, told)
  }
}

const isRefused = ({ refused }: Answer) => refused !== undefined

test('every case has the same result as in Prometheus', async (t) => {
  const ask = judge(t)
  if (ask === undefined) return
  const questions = Object.values(cases).map((one): Question => ({ names: 'legacy', series: hosts, ...one }))
  const answers = ask(questions)
  assert.deepEqual(answers.filter(isRefused), [])
  await assertEqual(questions, answers)
})

for (const names of ['legacy', 'utf8'] as const)
  test(`the same rules are rejected as by Prometheus: ${names} names`, async (t) => {
    const ask = judge(t)
    if (ask === undefined) return
    const questions = doubtful.map((rule) => ({ names, rules: [rule], series: [{ a: 'x', b: 'y' }] }))
    const answers = ask(questions)
    const refused = answers.filter(isRefused).length
    assert.ok(refused > 80 && refused < answers.length - 80, `${refused} of ${answers.length} are refused`)
    await assertEqual(questions, answers)
  })

test('500 random lists of rules have the same results as in Prometheus', async (t) => {
  const ask = judge(t)
  if (ask === undefined) return
  const questions = random(500)
  const answers = ask(questions)
  assert.ok(answers.filter(isRefused).length < 150)
  await assertEqual(questions, answers)
})

test('the error of a rule has its index, its key and the remedy', async () => {
  const problems: string[] = []
  const rules: Rule[] = [
    { target_label: 'ok' },
    { action: 'replace' },
    { action: 'hashmod', target_label: 'a-b' },
    { action: 'labeldrop', regex: '(', target_label: 'x' },
    { action: 'drop', regex: '(?<n>a)(?<n>b)' },
  ]
  const relabel = await compileRules(rules, 'legacy', (at, text) => problems.push(`[${at}].${text}`))
  assert.deepEqual(problems, [
    '[1].target_label: required for the action replace',
    '[2].modulus: required for the action hashmod, at least 1',
    '[2].target_label: "a-b" is not a label name: use letters, digits and _ (metric_name_validation_scheme "utf8" allows others)',
    '[3].target_label: not allowed with the action labeldrop',
    '[3].regex: "(" is not a regular expression in RE2 syntax (error parsing regexp: missing closing ): `^(?s:()$`)',
    '[4].regex: "(?<n>a)(?<n>b)" is not a regular expression in RE2 syntax (error parsing regexp: duplicate capture group name: `n`)',
  ])
  assert.ok(relabel([]) !== undefined)
})

test('a regular expression that would hang a backtracking engine returns at once', async () => {
  const rules: Rule[] = [{ action: 'drop', source_labels: ['a'], regex: '(a+)+' }]
  const relabel = await compileRules(rules, 'legacy', (_, text) => assert.fail(text))
  assert.ok(relabel([['a', `${'a'.repeat(50_000)}!`]]) !== undefined)
})
