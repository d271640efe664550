import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counter, gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'

test('of two types with one name the first in a cycle wins, and the other may win in the next cycle', () => {
  const table = new SeriesTable()
  const jobs = { gauge: gauge('jobs', ''), counter: counter('jobs', '') }
  table.begin()
  assert.equal(typeof table.take(jobs.gauge, undefined), 'object')
  assert.equal(table.take(jobs.counter, undefined), 'type')
  table.begin()
  assert.equal(typeof table.take(jobs.counter, undefined), 'object')
  assert.equal(table.take(jobs.gauge, undefined), 'type')
})

test('a series occurs once in a cycle, and its object stays the same over cycles', () => {
  const table = new SeriesTable()
  const jobs = gauge('jobs', '', ['queue'])
  table.begin()
  const series = table.take(jobs, { queue: 'a' })
  assert.equal(table.take(jobs, { queue: 'a' }), 'duplicate')
  assert.notEqual(table.take(jobs, { queue: 'b' }), series)
  table.begin()
  assert.equal(table.take(jobs, { queue: 'a' }), series)
})

test('families with one name and other labels, or created twice, share the name', () => {
  const table = new SeriesTable()
  table.begin()
  const series = table.take(gauge('jobs', '', ['queue']), { queue: 'a' })
  assert.equal(table.take(gauge('jobs', 'again', ['queue']), { queue: 'a' }), 'duplicate')
  assert.notEqual(table.take(gauge('jobs', ''), undefined), series)
})

test('unused series and their types are dropped', () => {
  const table = new SeriesTable()
  table.begin()
  table.take(gauge('jobs', ''), undefined)
  for (let i = 0; i < 40; i++) table.begin()
  assert.equal(table.size, 0)
  assert.equal(typeof table.take(counter('jobs', ''), undefined), 'object')
})

test('new series in each cycle do not stay: the table has at most three times as many as a cycle, and 10,000', () => {
  const table = new SeriesTable()
  const jobs = gauge('jobs', '', ['queue'])
  let largest = 0
  for (let cycle = 0; cycle < 50; cycle++) {
    table.begin()
    assert.equal(typeof table.take(jobs, { queue: 'same' }), 'object')
    for (let i = 0; i < 5000; i++) table.take(jobs, { queue: `${cycle} ${i}` })
    largest = Math.max(largest, table.size)
  }
  assert.ok(largest <= 3 * 5001 + 10_000, `${largest} series`)
})
