import assert from 'node:assert/strict'
import { test } from 'node:test'
import { familySamples, mergeFamilies, normalizeFamily } from '../../../src/metrics/exposition/normalize.ts'
import { readText } from '../../../src/metrics/exposition/read-text.ts'

const normalized = (text: string) => readText(text).map(normalizeFamily)
const source = (name: string, text: string) => ({ name, families: normalized(text) })
const samplesOf = (text: string) => {
  const { samples } = familySamples(normalized(text), new Map())
  return samples.map(({ family, value, labels }) => [family.name + family.suffix, labels, value])
}

test('every sample of a family gets the labels of the others, with an empty value', () => {
  assert.deepEqual(samplesOf('m{x="1"} 1\nm{y="2"} 2\nm 3\n'), [
    ['m', { x: '1', y: '' }, 1],
    ['m', { x: '', y: '2' }, 2],
    ['m', { x: '', y: '' }, 3],
  ])
})

test('only buckets and quantiles have the label of the bound', () => {
  const histogram =
    '# TYPE h histogram\nh_bucket{le="1",x="1"} 1\nh_bucket{le="+Inf",x="1"} 2\nh_sum{x="1"} 3\nh_count{x="1"} 2\n'
  const [family] = normalized(histogram)
  const names = family?.parts.map(({ suffix, labelNames }) => [suffix, labelNames.toSorted()])
  assert.deepEqual(names?.toSorted(), [
    ['_bucket', ['le', 'x']],
    ['_count', ['x']],
    ['_sum', ['x']],
  ])
  const [summary] = normalized('# TYPE s summary\ns{quantile="0.5"} 3\ns_sum{x="1"} 4\ns_count{x="1"} 1\n')
  assert.deepEqual(summary?.parts.find(({ suffix }) => suffix === '')?.labelNames.toSorted(), ['quantile', 'x'])
})

test('name, type, help and timestamps are kept', () => {
  const [family] = normalized('# HELP m Jobs.\n# TYPE m counter\nm 1 5000\n')
  assert.deepEqual([family?.name, family?.type, family?.help], ['m', 'counter', 'Jobs.'])
  assert.equal(family?.parts[0]?.samples[0]?.timestampMs, 5000)
})

test('a help text of one source applies to the others; without any, it names the sources', () => {
  const { families, conflicts } = mergeFamilies([
    source('a', 'm{f="a"} 1\nn 1\n'),
    source('b', '# HELP m Jobs.\nm{f="b"} 2\n'),
    source('c', 'n{f="c"} 1\n'),
  ])
  assert.deepEqual(
    families.map(({ name, help }) => [name, help]),
    [
      ['m', 'Jobs.'],
      ['n', 'Metric read from a, c'],
      ['m', 'Jobs.'],
      ['n', 'Metric read from a, c'],
    ],
  )
  assert.deepEqual(conflicts, [])
})

test('a family with another help text than an earlier source is omitted and reported', () => {
  const { families, conflicts } = mergeFamilies([
    source('a', '# HELP m Jobs.\nm{f="a"} 1\n'),
    source('b', '# HELP m Tasks.\nm{f="b"} 1\nx 1\n'),
  ])
  assert.deepEqual(
    families.map(({ name }) => name),
    ['m', 'x'],
  )
  assert.deepEqual(conflicts, ['b: the help of m differs from the help in another file'])
})

test('a family is the same object in the next interval until its type, help or labels change', () => {
  const first = familySamples(normalized('m 1\n'), new Map())
  const familyIn = (text: string) => familySamples(normalized(text), first.known).samples[0]?.family
  assert.equal(familyIn('m 2\n'), first.samples[0]?.family)
  for (const changed of ['# TYPE m counter\nm 2\n', '# HELP m Jobs.\nm 2\n', 'm{x="1"} 2\n'])
    assert.notEqual(familyIn(changed), first.samples[0]?.family, changed)
})

test('removed families are dropped', () => {
  const first = familySamples(normalized('m 1\nn 1\n'), new Map())
  assert.equal(first.known.size, 2)
  assert.equal(familySamples(normalized('m 1\n'), first.known).known.size, 1)
})
