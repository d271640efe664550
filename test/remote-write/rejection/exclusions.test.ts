import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '../../../src/buffer/index.ts'
import { gauge } from '../../../src/metrics/family.ts'
import type { Series } from '../../../src/metrics/series.ts'
import { Exclusions } from '../../../src/remote-write/rejection/exclusions.ts'

const minute = 60_000
const family = gauge('room', 'Room.', ['n'])

/** The same series as new objects. */
const seriesOf = (count: number): readonly Series[] =>
  Array.from({ length: count }, (_, i) => ({ ref: i, family, labelValues: [String(i)], identity: {} }))

const entryOf = (series: readonly Series[]): readonly Entry[] => [
  { sequence: 1, snapshot: { timestampMs: 1, series, values: new Float64Array(series.length) } },
]

const refs = (excluded: ReadonlySet<Series>) => [...excluded].map(({ ref }) => ref)
const limit = { rule: 'limit', shown: '' }

test('a series of an atomic receiver is excluded for an hour', () => {
  const exclusions = new Exclusions()
  const [first, ...others] = seriesOf(3)
  exclusions.add(first as Series, 0)
  const entries = entryOf([first as Series, ...others])
  assert.deepEqual(refs(exclusions.in(entries, 59 * minute)), [0])
  assert.deepEqual(refs(exclusions.in(entries, 60 * minute)), [])
})

test('one series of a rule is tried every five minutes, the one that was rejected longest ago', () => {
  const exclusions = new Exclusions()
  for (const [i, one] of seriesOf(3).entries()) exclusions.addForTrial(one, i, limit)
  const entries = entryOf(seriesOf(5))
  assert.deepEqual(refs(exclusions.in(entries, 4 * minute)), [0, 1, 2])
  assert.deepEqual(refs(exclusions.in(entries, 6 * minute)), [1, 2])
  assert.deepEqual(refs(exclusions.in(entries, 7 * minute)), [0, 1, 2])
  exclusions.addForTrial(seriesOf(1)[0] as Series, 7 * minute, limit)
  assert.deepEqual(refs(exclusions.in(entries, 12 * minute)), [0, 2])
})

test('after an accepted trial, all series of its rule are sent, and those of other rules are not', () => {
  const exclusions = new Exclusions()
  const all = seriesOf(4)
  for (const one of all.slice(0, 3)) exclusions.addForTrial(one, 0, limit)
  exclusions.addForTrial(all[3] as Series, 0, { rule: 'labels', shown: '' })
  assert.equal(exclusions.accept(seriesOf(1)), 1)
  assert.deepEqual(refs(exclusions.in(entryOf(seriesOf(4)), minute)), [3])
})

test('a series that no snapshot has any longer is forgotten after ten minutes', () => {
  const exclusions = new Exclusions()
  exclusions.addForTrial(seriesOf(1)[0] as Series, 0, limit)
  exclusions.in(entryOf(seriesOf(1)), minute)
  exclusions.in(entryOf([]), 10 * minute)
  assert.equal(exclusions.size, 1)
  exclusions.in(entryOf([]), 11 * minute)
  assert.equal(exclusions.size, 0)
})
