import assert from 'node:assert/strict'
import { test } from 'node:test'
import { labelProblem, type Pair, seriesKey } from '../../src/demo-receiver/labels.ts'

const name: Pair = ['__name__', 'up']

const wrong: readonly [title: string, labels: readonly Pair[], problem: RegExp][] = [
  ['no metric name', [['job', 'node']], /no __name__/],
  ['no labels', [], /no __name__/],
  ['a label without a name', [['', 'x'], name], /without a name/],
  ['an empty value', [name, ['job', '']], /job is empty/],
  ['a name twice', [name, ['job', 'a'], ['job', 'b']], /job is there twice/],
  ['names not sorted', [name, ['job', 'a'], ['instance', 'b']], /instance comes after job/],
  ['a capital after __name__', [name, ['Zone', 'a']], /Zone comes after __name__/],
  ['a label name with a dash', [name, ['a-b', 'c']], /a-b is no label name/],
  ['a metric name with a dot', [['__name__', 'a.b']], /a\.b is no metric name/],
]

for (const [title, labels, problem] of wrong)
  test(`${title} is refused`, () => assert.match(labelProblem(1, labels) ?? '', problem))

test('capitals sort before __name__, and colons are for metric names', () => {
  const labels: Pair[] = [
    ['Zone', 'a'],
    ['__name__', 'node:load1:avg'],
    ['a', 'ü'],
  ]
  assert.equal(labelProblem(1, labels), undefined)
})

test('2.0 takes any UTF-8 name, sorted by bytes', () => {
  const labels: Pair[] = [
    ['__name__', 'a.b'],
    ['\uffee', 'x'],
    ['\u{1f600}', 'y'],
  ]
  assert.equal(labelProblem(2, labels), undefined)
})

test('a series is written as in the text format, names of other alphabets quoted', () => {
  assert.equal(seriesKey([name]), 'up')
  assert.equal(seriesKey([name, ['job', 'a"b']]), 'up{job="a\\"b"}')
  assert.equal(seriesKey([['__name__', 'a.b']]), '{"a.b"}')
  assert.equal(
    seriesKey([
      ['__name__', 'a.b'],
      ['c.d', 'e'],
    ]),
    '{"a.b","c.d"="e"}',
  )
})
