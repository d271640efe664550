import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBuffer } from '../../src/buffer/memory-buffer.ts'
import { createReceiver } from '../../src/demo-receiver/receiver.ts'
import { connect } from '../../src/http/transport/connection.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { Endpoint } from '../../src/remote-write/endpoint.ts'
import { systemClock } from '../../src/util/clock.ts'
import { createLog } from '../../src/util/log.ts'
import { createFaultyReceiver, type FaultPlan } from '../support/faulty-receiver.ts'
import { freePort } from '../support/servers.ts'
import { endpointOptions } from './options.ts'
import { scene, temperature, until } from './scene.ts'

test('a snapshot arrives with its labels, timestamp and value', async (t) => {
  const { receiver, push, arrived } = await scene(t)
  const at = push({ kitchen: 21.5 })
  await until(() => arrived('kitchen').length === 1)
  const [entry] = receiver.ledger ?? []
  assert.equal(entry?.timestampMs, at)
  assert.equal(entry?.value, 21.5)
  assert.match(entry?.series ?? '', /^temperature\{instance="h",job="node",room="kitchen"\}$/)
})

const failures: Readonly<Record<string, FaultPlan>> = {
  'HTTP 500': { status: 500 },
  'HTTP 503': { status: 503 },
  'HTTP 429 with Retry-After': { status: 429, headers: { 'retry-after': '0' } },
  'HTTP 408': { status: 408 },
  'a reset before the request was read': { reset: 'before' },
  'a reset after the commit': { reset: 'after' },
  'no response': { hang: true },
  'a response lost after the commit': { hang: true, commit: true },
}
for (const [name, behaviour] of Object.entries(failures)) {
  test(`no sample is lost or duplicated by ${name}`, async (t) => {
    const { endpoint, push, arrived, lines } = await scene(
      t,
      [behaviour, behaviour],
      behaviour.hang ? { timeoutMs: 200 } : {},
    )
    const times = [push({ a: 1 }), push({ a: 2 }), push({ a: 3 })]
    await until(() => endpoint.state.backlog.snapshots === 0)
    assert.deepEqual([...new Set(arrived('a'))], times)
    assert.equal(endpoint.stats.samplesFailed, 0)
    assert.ok(endpoint.stats.retries >= 1)
    assert.equal(lines.filter((line) => line.includes('level=WARN')).length, 1, lines.join(''))
    for (const once of ['Remote write recovered', 'First samples delivered'])
      assert.equal(lines.filter((line) => line.includes(once)).length, 1, lines.join(''))
  })
}

test('a retry has its number in a header', async (t) => {
  const seen: (string | undefined)[] = []
  const receiver = await createFaultyReceiver({
    faultPlan: (number, headers) => {
      seen.push(headers['retry-attempt'] as string | undefined)
      return number < 3 ? { status: 500 } : undefined
    },
  })
  t.after(() => receiver.close())
  const buffer = new MemoryBuffer(1e6)
  const builder = new SnapshotBuilder(new SeriesTable())
  const options = endpointOptions(`${receiver.url}/api/v1/write`, {
    timeoutMs: 1000,
    backoff: { minMs: 1, maxMs: 2 },
    maxSamplesPerSend: 10,
  })
  const log = createLog('error', 'logfmt', () => {}, Date.now)
  const endpoint = new Endpoint(options, {
    clock: systemClock,
    log,
    cursor: buffer.cursor('default'),
    sender: await connect(receiver.url),
    userAgent: 'test/1',
  })
  t.after(() => endpoint.stop(AbortSignal.abort()))
  builder.begin()
  builder.add(temperature, 1, { room: 'a' })
  buffer.append(builder.end(Date.now()))
  await until(() => endpoint.state.backlog.snapshots === 0)
  assert.deepEqual(seen, [undefined, '1', '2'])
})

test('a rejected series is found and logged with the error message of the receiver, and everything else arrives', async (t) => {
  const refusal = { status: 400, body: 'out of bounds\nand more' }
  const { endpoint, push, arrived, lines } = await scene(t, [refusal, refusal])
  const first = push({ a: 1, b: 1 })
  await until(() => endpoint.state.backlog.snapshots === 0)
  const second = push({ a: 2, b: 2 })
  await until(() => arrived('b').length === 2)
  assert.deepEqual(arrived('a'), [])
  assert.deepEqual(arrived('b'), [first, second])
  assert.equal(endpoint.stats.samplesFailed, 2)
  const told = lines.filter((line) => line.includes('level=ERROR'))
  assert.equal(told.length, 1)
  assert.match(told[0] ?? '', /Series rejected by the receiver.*room.*reason="HTTP 400: out of bounds"/)
})

test('a body that is too large is split, and the smaller size is remembered', async (t) => {
  const { receiver, endpoint, push, arrived } = await scene(t, [{ status: 500 }, { status: 413 }])
  const times = [push({ a: 1 }), push({ a: 2 }), push({ a: 3 }), push({ a: 4 })]
  await until(() => endpoint.state.backlog.snapshots === 0)
  assert.deepEqual(arrived('a'), times)
  assert.equal(endpoint.stats.samplesFailed, 0)
  assert.equal(receiver.stats.requests, 4)
})

test('samples older than sample_age_limit are dropped and counted', async (t) => {
  const { endpoint, receiver, push, buffer } = await scene(t, [], { ageLimitMs: 30_000 })
  push({ a: 1, b: 1 })
  await until(() => endpoint.state.backlog.snapshots === 0)
  assert.equal(receiver.stats.requests, 0)
  assert.deepEqual([...(buffer.stats.dropped.get('default') ?? [])], [['too_old', 2]])
})

test('a series that vanishes gets a stale marker with the timestamp of the first snapshot without it', async (t) => {
  const { receiver, endpoint, push } = await scene(t)
  push({ a: 1, b: 1 })
  await until(() => endpoint.state.backlog.snapshots === 0)
  const at = push({ a: 2 })
  await until(() => endpoint.state.backlog.snapshots === 0)
  const markers = (receiver.ledger ?? []).filter((one) => one.stale)
  assert.deepEqual(
    markers.map((one) => [one.series.includes('room="b"'), one.timestampMs]),
    [[true, at]],
  )
})

test('a stop delivers the backlog and ends at its deadline', async (t) => {
  const well = await scene(t)
  const times = [well.push({ a: 1 }), well.push({ a: 2 })]
  await well.endpoint.stop(AbortSignal.timeout(5000))
  assert.deepEqual(well.arrived('a'), times)

  const ill = await scene(
    t,
    Array.from({ length: 1000 }, () => ({ status: 500 })),
  )
  ill.push({ a: 1 })
  await ill.endpoint.stop(AbortSignal.timeout(100))
  assert.equal(ill.endpoint.state.backlog.snapshots, 1)
})

test('an unreachable receiver is retried until it answers', async (t) => {
  const port = await freePort()
  const lines: string[] = []
  const buffer = new MemoryBuffer(1e6)
  const builder = new SnapshotBuilder(new SeriesTable())
  const origin = `http://127.0.0.1:${port}`
  const options = endpointOptions(`${origin}/api/v1/write`, { timeoutMs: 1000, maxSamplesPerSend: 10 })
  const log = createLog('info', 'logfmt', (line) => lines.push(line), Date.now)
  const endpoint = new Endpoint(options, {
    clock: systemClock,
    log,
    cursor: buffer.cursor('default'),
    sender: await connect(origin),
    userAgent: 'test/1',
  })
  t.after(() => endpoint.stop(AbortSignal.abort()))
  builder.begin()
  builder.add(temperature, 1, { room: 'a' })
  buffer.append(builder.end(Date.now()))
  await until(() => endpoint.stats.retries >= 3)
  const receiver = await createReceiver({ listen: { host: '127.0.0.1', port } })
  t.after(() => receiver.close())
  await until(() => endpoint.state.backlog.snapshots === 0)
  assert.match(lines[0] ?? '', /Remote write failed, retrying.*ECONNREFUSED/)
  assert.equal(lines.filter((line) => line.includes('ECONNREFUSED')).length, 1)
})
