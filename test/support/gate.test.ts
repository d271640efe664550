import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createFaultyReceiver } from './faulty-receiver.ts'
import { Gate } from './gate.ts'

async function gateTo(t: TestContext, url?: string) {
  const receiver = await createFaultyReceiver()
  t.after(() => receiver.close())
  const gate = await Gate.create(t, () => url ?? `${receiver.url}/-/healthy`)
  const status = () =>
    fetch(gate.url).then(
      (answer) => answer.status,
      () => 'failed',
    )
  return { gate, status }
}

test('an open gate forwards requests and counts the answers', async (t) => {
  const { gate, status } = await gateTo(t)
  assert.deepEqual([await status(), await status()], [200, 200])
  assert.deepEqual([...gate.answers], [[200, 2]])
})

test('a closed gate refuses connections until it is open again', async (t) => {
  const { gate, status } = await gateTo(t)
  gate.close()
  assert.equal(await status(), 'failed')
  await gate.open()
  assert.equal(await status(), 200)
  assert.deepEqual([...gate.answers], [[200, 1]])
})

test('a gate answers itself until it is open again', async (t) => {
  const { gate, status } = await gateTo(t)
  await gate.answer(429, 'slow down')
  assert.equal(await status(), 429)
  await gate.open()
  assert.equal(await status(), 200)
})

test('a gate that admits one request is closed after its answer', async (t) => {
  const { gate, status } = await gateTo(t)
  gate.close()
  const { closed } = await gate.admit(1)
  assert.equal(await status(), 200)
  await closed()
  assert.equal(await status(), 'failed')
  await gate.open()
  assert.equal(await status(), 200)
})

test('a receiver that is not there counts as no answer', async (t) => {
  const { gate, status } = await gateTo(t, 'http://127.0.0.1:1/')
  assert.equal(await status(), 'failed')
  assert.deepEqual([...gate.answers], [[0, 1]])
})
