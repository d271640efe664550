import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeadline, graceAfter } from '../../src/util/deadline.ts'
import { TestClock } from '../support/clock.ts'

test('a deadline that is restarted aborts at the new time, and never after it has aborted', async () => {
  const clock = new TestClock()
  const deadline = createDeadline(clock, 100)
  await clock.pass(90)
  deadline.restart(50)
  await clock.pass(40)
  assert.equal(deadline.signal.aborted, false)
  await clock.pass(20)
  assert.equal(deadline.signal.aborted, true)
  deadline.restart(50)
  assert.equal(deadline.signal.aborted, true)
  deadline.clear()
})

test('work ends by itself, or counts as late some time after the signal', async () => {
  const clock = new TestClock()
  const never = new Promise<string>(() => {})
  const stop = new AbortController()
  const late = graceAfter(clock, never, { signal: stop.signal, graceMs: 100 })
  stop.abort()
  await clock.pass(101)
  assert.equal(await late, 'late')
  const { promise, resolve } = Promise.withResolvers<string>()
  const again = new AbortController()
  const done = graceAfter(clock, promise, { signal: again.signal, graceMs: 100 })
  again.abort()
  await clock.pass(50)
  resolve('done')
  assert.equal(await done, 'done')
  const whole = graceAfter(clock, Promise.resolve('whole'), { signal: AbortSignal.abort(), graceMs: 0 })
  assert.equal(await whole, 'whole')
})
