import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pacing } from '../../../src/http/transport/bandwidth-limit.ts'
import { TestClock } from '../../support/clock.ts'
import { answerOf, poster, rawServer } from '../../support/raw.ts'

test('bodies are sent one after another, at the maximum rate', async () => {
  const clock = new TestClock()
  const pacing = new Pacing(1000, clock)
  const begunMs = clock.monotonicMs()
  const went: (readonly [ms: number, bytes: number])[] = []
  const send = async (bytes: number) => {
    for await (const piece of pacing.pieces(new Uint8Array(bytes), new AbortController().signal))
      went.push([clock.monotonicMs() - begunMs, piece.length])
  }
  assert.equal(pacing.durationMs(250), 250)
  const both = send(250).then(() => send(30))
  await clock.pass(1000)
  await both
  assert.deepEqual(went, [
    [0, 100],
    [100, 100],
    [200, 50],
    [250, 30],
  ])
})

test('the timeout of an attempt is extended by the paced duration of the body', async (t) => {
  const { port, requests } = await rawServer(t, (socket) => socket.write(answerOf(204)))
  const { post } = await poster(t, `http://127.0.0.1:${port}/`, { bytesPerSecond: 10_000, timeoutMs: 600 })
  const begun = performance.now()
  assert.equal((await post('x'.repeat(8000))).kind, 'delivered')
  const took = performance.now() - begun
  assert.ok(took > 650, `${took} ms`) // longer than the timeout of the attempt
  assert.equal(requests[0]?.headers['content-length'], '8000')
  assert.equal(requests[0].headers['transfer-encoding'], undefined)
  assert.equal(requests[0].body.length, 8000)
})

test('an aborted attempt stops sending', async (t) => {
  const { port, requests } = await rawServer(t, (socket) => socket.write(answerOf(204)))
  const { post } = await poster(t, `http://127.0.0.1:${port}/`, { bytesPerSecond: 1000 })
  const outcome = await post('x'.repeat(5000), AbortSignal.timeout(300))
  assert.equal(outcome.kind, 'uncertain')
  assert.deepEqual(requests, [])
  assert.equal((await post('x')).kind, 'delivered')
})
