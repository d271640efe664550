import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectedIn, compare, exportedIn, type Samples, storedIn } from '../../scripts/mimir-faults/samples.ts'

const ledgerOf = (series: string, ...timestamps: readonly number[]) =>
  timestamps.map((timestampMs) => ({ series, timestampMs, startMs: 0, value: timestampMs / 1000, stale: false }))

/** Samples of one series, where each value is its time in seconds. */
const samplesOf = (series: string, ...timestamps: readonly number[]): Samples =>
  collectedIn(ledgerOf(series, ...timestamps), Number.POSITIVE_INFINITY)

const none: Samples = new Map()
const everything = { stored: none, deadLetters: none, backlogMs: Number.POSITIVE_INFINITY, isExact: true }

test('a series is the same in the ledger, in the result of a query and in exported dead letters', () => {
  const ledger = samplesOf('node_x{a="q\\"b\\\\\\n",instance="h",none="",__replica__="r"}', 1000)
  const metric = { __name__: 'node_x', instance: 'h', a: 'q"b\\\n' }
  const stored = storedIn([{ metric, value: [0, ''], values: [[1, '1']] }])
  const line = JSON.stringify({ metric: { ...metric, __replica__: 'r' }, values: [1], timestamps: [1000] })
  assert.deepEqual(ledger, stored)
  assert.deepEqual(exportedIn(`${line}\n`), stored)
})

test('stale markers and samples after the time of the comparison do not count as collected', () => {
  const [first, ...rest] = ledgerOf('up', 1000, 2000, 3000)
  const ledger = [...rest, { ...first, value: Number.NaN, stale: true, timestampMs: 1000, series: 'up', startMs: 0 }]
  assert.deepEqual(collectedIn(ledger, 2000), samplesOf('up', 2000))
})

test('samples before the first stored sample of a series are not lacking, later ones are', () => {
  const collected = samplesOf('up', 1000, 2000, 3000)
  const result = compare({
    ...everything,
    collected,
    stored: samplesOf('up', 2000),
    deadLetters: samplesOf('up', 1000),
  })
  assert.deepEqual([result.lacking, result.lost, result.storedSeries], [1, 1, 1])
})

test('a sample is lost if it is neither stored, nor a dead letter, nor in the backlog', () => {
  const collected = samplesOf('up', 1000, 2000, 3000, 4000)
  const parts = { stored: samplesOf('up', 1000), deadLetters: samplesOf('up', 2000), backlogMs: 4000 }
  const result = compare({ ...everything, collected, ...parts })
  assert.deepEqual([result.lacking, result.lost, result.deadLetters, result.falseDeadLetters], [3, 1, 1, 0])
})

test('a dead letter that the receiver has is false, and a sample with another value is not stored', () => {
  const collected = samplesOf('up', 1000)
  const false1 = compare({ ...everything, collected, stored: collected, deadLetters: collected })
  assert.deepEqual([false1.deadLetters, false1.falseDeadLetters], [1, 1])
  const other: Samples = new Map([...collected.keys()].map((series) => [series, new Map([[1000, 77]])]))
  assert.equal(compare({ ...everything, collected, stored: other }).lost, 1)
  assert.equal(compare({ ...everything, collected, stored: other, isExact: false }).lost, 0)
})
