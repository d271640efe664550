import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LineRate, StateRate } from '../../src/util/log-rate.ts'
import { TestClock } from '../support/clock.ts'

const hourMs = 3_600_000

test('each change of a state is logged if it changes seldom', async () => {
  const clock = new TestClock()
  const state = new StateRate(clock)
  for (let i = 0; i < 20; i++) {
    assert.deepEqual([state.set(true), state.set(true), state.set(false), state.set(false)], [true, false, true, false])
    await clock.pass(600_000)
  }
})

test('a state that changes every five seconds is logged as bad at most six times an hour after the first changes', async () => {
  const clock = new TestClock()
  const state = new StateRate(clock)
  let lines = 0
  for (let ms = 0; ms < 3 * hourMs; ms += 5000) {
    if (state.set(ms % 10_000 === 0)) lines++
    await clock.pass(5000)
  }
  assert.ok(lines <= 2 * (5 + 18), `${lines} lines`)
  assert.ok(lines >= 2 * 18, `${lines} lines`)
})

test('a state that stays bad for a minute is logged, however often it changed before', async () => {
  const clock = new TestClock()
  const state = new StateRate(clock)
  for (let i = 0; i < 100; i++) state.set(i % 2 === 0)
  assert.equal(state.isLoggedAsBad, false)
  assert.equal(state.set(true), false)
  await clock.pass(59_000)
  assert.equal(state.set(true), false)
  await clock.pass(1000)
  assert.equal(state.set(true), true)
  assert.equal(state.set(false), true)
})

test('a cause has one line a minute, not the same line twice, with the number of suppressed lines', async () => {
  const clock = new TestClock()
  const rate = new LineRate(clock)
  assert.deepEqual(
    [rate.next('a', '1'), rate.next('a', '2'), rate.next('a', '3'), rate.next('b', '1')],
    [0, undefined, undefined, 0],
  )
  await clock.pass(60_000)
  assert.deepEqual([rate.next('a', '1'), rate.next('a', '4'), rate.next('b', '2')], [undefined, 3, 0])
})

test('10,000 causes have at most 17 lines a minute', () => {
  const rate = new LineRate(new TestClock())
  const lines = Array.from({ length: 10_000 }, (_, i) => rate.next(`client ${i}`, `${i}`)).filter(
    (suppressed) => suppressed !== undefined,
  )
  assert.equal(lines.length, 17)
})
