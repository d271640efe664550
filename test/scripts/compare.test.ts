import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { compare, expositionOf, isListed, listedDifferences } from '../../scripts/compare.ts'

const differences = (peer: string, ours: string, { after = peer, moves = '' } = {}) =>
  compare(
    { before: expositionOf(peer), after: expositionOf(after) },
    expositionOf(ours),
    (family) => family === moves,
  ).map(({ family, side }) => `${side} ${family}`)

describe('two pages', () => {
  test('are equal for any order of lines and labels and any notation of numbers', () => {
    assert.deepEqual(differences('a{x="1",y="2"} 1e3\nb NaN\n', '# HELP b x\nb nan\na{y="2",x="1"} 1000\n'), [])
  })

  test('differ in series, values and types', () => {
    assert.deepEqual(differences('a 1\nb{x="1"} 1\n', 'a 2\nb{x="2"} 1\nc 1\n'), [
      'value a',
      'peer b',
      'ours b',
      'ours c',
    ])
    assert.deepEqual(differences('# TYPE a gauge\na 1\n', '# TYPE a counter\na 1\n'), ['type a'])
    assert.deepEqual(differences('a{x=""} 1\n', 'a 1\n'), ['peer a', 'ours a'])
  })

  test('differ by the family that a series belongs to', () => {
    const histogram = '# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n'
    assert.deepEqual(differences(histogram, histogram.replace('h_sum 1', 'h_sum 2')), ['value h'])
    assert.deepEqual(differences('# TYPE h histogram\n# TYPE h_sum gauge\nh_sum 1\n', ''), ['peer h_sum'])
  })

  test('are not compared in changing values', () => {
    assert.deepEqual(differences('a 1\n', 'a 2\n', { moves: 'a' }), [])
    assert.deepEqual(
      differences('a{x="1"} 1\na{x="2"} 5\n', 'a{x="1"} 2\na{x="2"} 6\n', { after: 'a{x="1"} 3\na{x="2"} 5\n' }),
      [],
    )
    assert.deepEqual(differences('a 1\n', '', { moves: 'a' }), ['peer a'])
  })

  test('may have series that appear or disappear during the comparison', () => {
    assert.deepEqual(differences('a{x="1"} 1\n', 'a{x="2"} 1\n', { after: 'a{x="2"} 1\n' }), [])
  })
})

describe('known differences', () => {
  test('are the rows of a table', () => {
    const known = listedDifferences(
      'text `a` | `b` |\n| Family | Side |\n|---|---|\n| `go_*` | `peer` | Why |\n| `a_b` | `value` | Why |\n',
    )
    assert.deepEqual(known, [
      { family: 'go_*', side: 'peer' },
      { family: 'a_b', side: 'value' },
    ])
    const of = (family: string, side: 'peer' | 'value') => isListed({ family, side, text: '' }, known)
    assert.deepEqual(
      [of('go_info', 'peer'), of('go_info', 'value'), of('a_b', 'value'), of('a_bc', 'value')],
      [true, false, true, false],
    )
  })

  test('have a side', () => {
    assert.throws(() => listedDifferences('| `a` | `both` | Why |\n'), /peer, ours, value, type/)
  })

  test('in the documentation can be read', () => {
    assert.ok(listedDifferences(readFileSync(new URL('../../docs/differences.md', import.meta.url), 'utf8')).length > 0)
  })
})
