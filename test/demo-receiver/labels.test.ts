import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Label, labelProblem, seriesKey } from '../../src/demo-receiver/labels.ts'

const name: Label = ['__name__', 'up']

const invalid: readonly [title: string, labels: readonly Label[], problem: RegExp][] = [
  ['no metric name', [['job', 'node']], /__name__ is missing/],
  ['an empty list', [], /__name__ is missing/],
  ['a label without a name', [['', 'x'], name], /without a name/],
  ['an empty value', [name, ['job', '']], /job is empty/],
  ['a duplicate name', [name, ['job', 'a'], ['job', 'b']], /job is duplicate/],
  ['names not sorted', [name, ['job', 'a'], ['instance', 'b']], /instance follows job/],
  ['a capital after __name__', [name, ['Zone', 'a']], /Zone follows __name__/],
  ['a label name with a dash', [name, ['a-b', 'c']], /a-b is not a valid label name/],
  ['a metric name with a dot', [['__name__', 'a.b']], /a\.b is not a valid metric name/],
]

for (const [title, labels, problem] of invalid)
  test(`labels with ${title} are rejected`, () => assert.match(labelProblem(1, labels) ?? '', problem))

test('upper case sorts before __name__, and a metric name may contain colons', () => {
  const labels: Label[] = [
    ['Zone', 'a'],
    ['__name__', 'node:load1:avg'],
    ['a', 'ü'],
  ]
  assert.equal(labelProblem(1, labels), undefined)
})

test('2.0 accepts any UTF-8 name, sorted by bytes', () => {
  const labels: Label[] = [
    ['__name__', 'a.b'],
    ['\uffee', 'x'],
    ['\u{1f600}', 'y'],
  ]
  assert.equal(labelProblem(2, labels), undefined)
})

test('a series key follows the text format, UTF-8 names are quoted', () => {
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
