import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { bodyV1, type Line, send } from '../demo-receiver/wire.ts'
import { createFaultyReceiver, type FaultyReceiverOptions } from './faulty-receiver.ts'

const now = 1_700_000_000_000
const line = (): Line => [{ __name__: 'node_load1', instance: 'h' }, [0.5, now]]
const key = 'node_load1{instance="h"}'

async function receiverFor(t: TestContext, options: FaultyReceiverOptions) {
  const receiver = await createFaultyReceiver(options)
  t.after(() => receiver.close())
  return Object.assign(receiver, { write: `${receiver.url}/api/v1/write` })
}

test('a planned status stores no samples, unless the plan says commit', async (t) => {
  const receiver = await receiverFor(t, {
    faultPlan: (number) =>
      number === 1
        ? { status: 429, headers: { 'retry-after': '7' }, body: 'slow down' }
        : { status: 502, commit: true },
  })
  const first = await send(receiver.write, { body: bodyV1([line()]) })
  assert.deepEqual([first.status, first.headers['retry-after'], first.text], [429, '7', 'slow down'])
  assert.equal(receiver.get(key), undefined)
  assert.equal((await send(receiver.write, { body: bodyV1([line()]) })).status, 502)
  assert.equal(receiver.get(key)?.value, 0.5)
})

test('a reset before the commit stores nothing, a reset after it stores all samples', async (t) => {
  let reported = 0
  const receiver = await receiverFor(t, {
    faultPlan: (number) => ({ reset: number === 1 ? 'before' : 'after' }),
    onRequest: () => reported++,
  })
  await assert.rejects(send(receiver.write, { body: bodyV1([line()]) }), { code: 'ECONNRESET' })
  assert.equal(receiver.get(key), undefined)
  await assert.rejects(send(receiver.write, { body: bodyV1([line()]) }), { code: 'ECONNRESET' })
  assert.equal(receiver.get(key)?.value, 0.5)
  assert.equal(reported, 0) // a summary needs a reply
})

test('a request that hangs ends when the receiver closes', async (t) => {
  let seen = () => {}
  const came = new Promise<void>((resolve) => (seen = resolve))
  const receiver = await receiverFor(t, {
    faultPlan: () => {
      seen()
      return { hang: true }
    },
  })
  const waiting = send(receiver.write, { body: bodyV1([line()]) })
  const rejected = assert.rejects(waiting, { code: 'ECONNRESET' })
  await came
  assert.equal(receiver.get(key), undefined)
  await receiver.close()
  await rejected
})

test('a delay passes on the clock of the receiver', async (t) => {
  const slept: number[] = []
  const clock = {
    now: () => now,
    monotonicMs: () => 0,
    bootMs: () => 0,
    sleep: async (ms: number) => void slept.push(ms),
    timer: () => () => {},
  }
  const receiver = await receiverFor(t, { clock, faultPlan: () => ({ delayMs: 5000 }) })
  assert.equal((await send(receiver.write, { body: bodyV1([line()]) })).status, 204)
  assert.deepEqual(slept, [5000])
})
