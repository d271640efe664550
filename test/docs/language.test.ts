import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expressions, type Hit, hitsBelow, hitsIn } from '../support/language.ts'
import { root } from '../support/servers.ts'

interface Exemption {
  readonly file: string
  readonly expression: string
  /** Words around the expression, as they are in the file. */
  readonly excerpt: string
  readonly reason: string
}

/** Texts that hostpush quotes and must not change. */
const exemptions: readonly Exemption[] = []

const isExempt = (hit: Hit) => exemptions.some((exemption) => isAbout(exemption, hit))

const isAbout = ({ file, expression, excerpt }: Exemption, hit: Hit) =>
  hit.file === file && hit.expression === expression && hit.excerpt.includes(excerpt)

const hits = hitsBelow(root)

test('no text of the project uses an expression that reads like a translation', () => {
  const wrong = hits.filter((hit) => !isExempt(hit))
  const lines = wrong.map(
    ({ file, line, expression, replacement, excerpt }) =>
      `${file}:${line}:${expression} (rather: ${replacement}) … ${excerpt} …`,
  )
  assert.ok(wrong.length === 0, `${wrong.length} expressions to replace:\n${lines.join('\n')}`)
})

test('every exemption is still needed and has a reason', () => {
  const unneeded = exemptions.filter(
    (exemption) => exemption.reason === '' || !hits.some((hit) => isAbout(exemption, hit)),
  )
  assert.deepEqual(unneeded, [])
})

test('an expression is found across a line break, with the line on which it starts', () => {
  const [hit, ...more] = hitsIn('src/a.ts', '// one\n/**\n * The sender is\n * told of the stop.\n */')
  assert.deepEqual(more, [])
  assert.equal(hit?.line, 3)
  assert.equal(hit?.expression, 'is told')
})

test('the longest of several expressions counts, once', () => {
  const found = hitsIn('README.md', 'It is begun anew.').map(({ expression }) => expression)
  assert.deepEqual(found, ['begun anew'])
})

test('parts of words are not expressions', () => {
  assert.deepEqual(hitsIn('README.md', 'The latest renewal; polite-ish; outlets gone; whosever'), [])
  assert.equal(new Set(expressions).size, expressions.length)
})
