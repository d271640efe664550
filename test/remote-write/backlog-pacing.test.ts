import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BacklogPacing } from '../../src/remote-write/backlog-pacing.ts'

const intervalMs = 15_000
const half = () => 0.5

/** The delays of a backlog after the first one. */
function pauses(pace: BacklogPacing, ...waiting: readonly (readonly [snapshots: number, atOnce: number])[]) {
  return waiting.map(([snapshots, atOnce]) => Math.round(pace.delayMs({ snapshots, atOnce })))
}

test('live snapshots are not delayed, and a backlog starts at a random time in an interval', () => {
  const pace = new BacklogPacing(intervalMs, half)
  assert.deepEqual(pauses(pace, [1, 1], [0, 1], [2, 2], [1, 1], [9, 9]), [0, 0, 7500, 0, 7500])
})

test('a short backlog is sent at less than two requests per interval, a long one within five minutes', () => {
  const pace = new BacklogPacing(intervalMs, half)
  assert.deepEqual(pauses(pace, [40, 20], [20, 20], [5000, 20]), [7500, 9000, 1200])
})

test('a long backlog is sent within five minutes: the gaps do not grow while it shrinks', () => {
  const pace = new BacklogPacing(intervalMs, half)
  let sentMs = 0
  for (let requests = 960; requests > 0; requests--) sentMs += pace.delayMs({ snapshots: requests * 6, atOnce: 6 })
  assert.ok(sentMs <= 300_000 + intervalMs, `${sentMs / 1000} s`)
  assert.deepEqual(pauses(pace, [1, 1], [40, 20], [20, 20]), [0, 7500, 9000], 'the next one begins anew')
})

test('each 429 doubles the delays, each success halves them down to the normal delay', () => {
  const pace = new BacklogPacing(intervalMs, half)
  pauses(pace, [40, 20])
  pace.onRateLimited()
  pace.onRateLimited()
  assert.deepEqual(pauses(pace, [40, 20]), [36_000])
  for (let i = 0; i < 9; i++) pace.onRateLimited()
  assert.deepEqual(pauses(pace, [40, 20]), [60_000])
  for (let i = 0; i < 20; i++) pace.onDelivered()
  assert.deepEqual(pauses(pace, [40, 20]), [9000])
})
