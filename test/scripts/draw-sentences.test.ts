import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { allSentences, drawSentences, strata } from '../../scripts/draw-sentences.ts'
import { argumentStrings, tokensOf } from '../../scripts/source-text.ts'
import { root } from '../support/servers.ts'

const all = allSentences()

test('the same seed draws the same sentences, another seed others', () => {
  assert.deepEqual(drawSentences(all, 7, 60), drawSentences(all, 7, 60))
  assert.notDeepEqual(drawSentences(all, 7, 60), drawSentences(all, 8, 60))
})

test('a draw has the same number of sentences of each kind, none twice', () => {
  const drawn = drawSentences(all, 1, 60)
  for (const stratum of strata) assert.equal(drawn.filter((one) => one.stratum === stratum).length, 12, stratum)
  assert.equal(new Set(drawn).size, 60)
  const eleven = drawSentences(all, 1, 11)
  assert.deepEqual(
    strata.map((stratum) => eleven.filter((one) => one.stratum === stratum).length),
    [3, 2, 2, 2, 2],
  )
})

test('a kind with fewer sentences than its share gives all of them', () => {
  const few = all.filter(({ stratum }) => stratum === 'error').slice(0, 3)
  assert.equal(drawSentences(few, 1, 60).length, 3)
})

test('the place of every sentence is the line on which it starts', () => {
  const wrong = all.filter(({ file, line, text }) => {
    const words = readFileSync(join(root, file), 'utf8')
      .split('\n')
      [line - 1]?.replaceAll(/\\(['"`])/g, '$1')
    return words?.includes(text.split(' ')[0] ?? '') !== true
  })
  assert.deepEqual(wrong, [])
})

test('comments and strings are recognised beside each other, in templates and next to regular expressions', () => {
  const source = [
    "const a = 'one // no comment' // first",
    '// second',
    'const b = /[/"]\'/.test(`x ${c(`y`)} "z"`)',
    '/** third\n * line */',
    "const d = 4 / 2 + ' it\\'s'",
  ].join('\n')
  assert.deepEqual(
    tokensOf(source).map(({ kind, text }) => [kind, text]),
    [
      ['string', 'one // no comment'],
      ['comment', ' first\n second'],
      ['string', 'x ${c(`y`)} "z"'],
      ['comment', ' third\n line '],
      ['string', " it's"],
    ],
  )
})

test('the strings of a call end at its closing parenthesis', () => {
  const source = "throw new Error(f('a)b') + 'c'), other('d') // new Error('e')"
  const strings = argumentStrings(source, tokensOf(source), /new Error\(/g).map(({ text }) => text)
  assert.deepEqual(strings, ['a)b', 'c'])
})
