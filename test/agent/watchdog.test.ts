import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watch } from '../../src/agent/watchdog.ts'
import { MemoryBuffer } from '../../src/buffer/memory-buffer.ts'
import type { Sender } from '../../src/http/types.ts'
import { gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { Gateway } from '../../src/pushgateway/gateway.ts'
import { Endpoint } from '../../src/remote-write/endpoint.ts'
import type { Clock } from '../../src/util/clock.ts'
import { createLog, silent } from '../../src/util/log.ts'
import { modelSender } from '../remote-write/fleet.ts'
import { endpointOptions } from '../remote-write/options.ts'
import { settled, TestClock } from '../support/clock.ts'

const options = endpointOptions('http://receiver/api/v1/write', {
  name: 'a',
  timeoutMs: 30_000,
  backoff: { minMs: 1000, maxMs: 60_000 },
  maxSamplesPerSend: 100,
  inline: 'none',
  intervalMs: 15_000,
})

/** A watched part that stalls on request, and the reactions of the watchdog. */
function scene(mayEnd: boolean) {
  const clock = new TestClock()
  const lines: string[] = []
  const log = createLog(
    'info',
    'logfmt',
    (line) => lines.push(line),
    () => 0,
  )
  const sender = { name: 'sender', isStuck: false, revivals: 0, progress: 0 }
  const watched = {
    name: sender.name,
    stalledMs: () => (sender.isStuck ? 1 : 0),
    get completed() {
      return sender.progress
    },
    restart() {
      sender.revivals++
    },
  }
  let pings = 0
  const stop = new AbortController()
  const onWell = () => {
    pings++
  }
  const end = watch({ clock, log, watched: () => [watched], everyMs: 10_000, onWell, mayEnd }, stop.signal)
  return { clock, lines, sender, end, stop, pings: () => pings }
}

test('the watchdog notifies the supervisor only while every part makes progress', async () => {
  const { clock, sender, end, stop, pings } = scene(true)
  await clock.pass(30_000)
  assert.equal(pings(), 3)
  sender.isStuck = true
  await clock.pass(20_000)
  assert.deepEqual([pings(), sender.revivals], [3, 2])
  stop.abort(new Error('over'))
  assert.equal(await end, undefined)
})

test('a stalled part is logged and restarted; after the last restart the watchdog returns its name', async () => {
  const { clock, lines, sender, end } = scene(true)
  sender.isStuck = true
  await clock.pass(40_000)
  assert.equal(await end, 'sender')
  assert.equal(sender.revivals, 3)
  assert.match(
    lines[0] ?? '',
    /level=WARN msg="Sender made no progress, restarting it" component=watchdog name=sender stalled=\d+s times=1/,
  )
})

test('the watchdog keeps restarting a part that makes progress in between, and any part if the process must not exit', async () => {
  const patient = scene(true)
  patient.sender.isStuck = true
  for (let i = 0; i < 20; i++) {
    patient.sender.progress++
    await patient.clock.pass(10_000)
  }
  assert.equal(patient.sender.revivals, 20)
  patient.stop.abort(new Error('over'))
  const inMemory = scene(false)
  inMemory.sender.isStuck = true
  await inMemory.clock.pass(200_000)
  assert.equal(inMemory.sender.revivals, 20)
  inMemory.stop.abort(new Error('over'))
  assert.deepEqual([await patient.end, await inMemory.end], [undefined, undefined])
})

test('an endpoint that hangs without a timer is detected, and delivers after the restart', async () => {
  const clock = new TestClock()
  const buffer = new MemoryBuffer(1e6)
  const cursor = buffer.cursor('a')
  const begin = cursor.markInFlight.bind(cursor)
  let isHung = true
  cursor.markInFlight = (flight) => (isHung ? new Promise(() => {}) : begin(flight))
  const sender = modelSender(clock, () => ({ status: 204 }))
  const endpoint = new Endpoint(options, { clock, log: silent, cursor, sender, userAgent: 'test/1' })
  await clock.pass(3_600_000)
  assert.equal(endpoint.stalledMs(), 0, 'who has nothing to send is not stuck')
  const builder = new SnapshotBuilder(new SeriesTable({}))
  builder.begin()
  builder.add(gauge('load', 'Load.'), 1)
  buffer.append(builder.end(clock.now()))
  for (let i = 0; i < 40; i++) {
    assert.equal(endpoint.stalledMs() > 0, i > 30, `after ${i * 10} s`)
    await clock.pass(10_000)
  }
  isHung = false
  endpoint.restart()
  await clock.pass(1000)
  assert.deepEqual([endpoint.stalledMs(), endpoint.stats.samples, cursor.backlog().snapshots], [0, 1, 0])
  const stopped = endpoint.stop(AbortSignal.abort())
  await settled()
  await clock.pass(10_000)
  await stopped
})

test('a Pushgateway output with a hanging push is detected, and pushes the newest snapshot after the restart', async () => {
  const clock = new TestClock()
  let isHung = true
  const answering = modelSender(clock, () => ({ status: 200 }))
  // a connection without responses, and timers that never fire
  const begun = Promise.withResolvers<void>()
  const dispatch: Sender['dispatch'] = (...given) => {
    begun.resolve()
    return isHung || answering.dispatch(...given)
  }
  const sender: Sender = { ...answering, dispatch }
  const broken: Clock = {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    bootMs: () => clock.bootMs(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    timer: (ms, ring) => (isHung ? () => {} : clock.timer(ms, ring)),
  }
  const gateway = new Gateway(
    {
      ...{
        name: 'g',
        url: new URL('http://gateway/'),
        headers: () => ({}),
        timeoutMs: 30_000,
        job: 'j',
        groupingKey: {},
      },
      ...{ method: 'PUT', backoff: options.backoff, intervalMs: 15_000 },
      ...{ deleteOnStart: false, deleteOnShutdown: false },
    },
    { clock: broken, log: silent, sender, userAgent: 'test/1' },
  )
  await clock.pass(3_600_000)
  assert.equal(gateway.stalledMs(), 0, 'who has nothing to push is not stuck')
  const push = () => {
    const builder = new SnapshotBuilder(new SeriesTable({}))
    builder.begin()
    builder.add(gauge('load', 'Load.'), 1)
    gateway.onSnapshot({ snapshot: builder.end(clock.now()) })
  }
  for (let i = 0; i < 40; i++) {
    push()
    await begun.promise // zlib compresses asynchronously
    assert.equal(gateway.stalledMs() > 0, i > 33, `after ${i * 10} s`)
    await clock.pass(10_000)
  }
  isHung = false
  gateway.restart()
  while (gateway.report.pending > 0) await clock.pass(100)
  assert.deepEqual(
    [gateway.stalledMs(), gateway.stats.samples, gateway.report.pending, gateway.completed],
    [0, 1, 0, 1],
  )
  const stopped = gateway.stop(AbortSignal.abort())
  await settled()
  await clock.pass(10_000)
  await stopped
})

test('an endpoint that retries an unreachable receiver is not stalled', async () => {
  const clock = new TestClock()
  const buffer = new MemoryBuffer(1e6)
  const cursor = buffer.cursor('a')
  const sender = modelSender(clock, () => 'down')
  const endpoint = new Endpoint(options, { clock, log: silent, cursor, sender, userAgent: 'test/1' })
  const builder = new SnapshotBuilder(new SeriesTable({}))
  builder.begin()
  builder.add(gauge('load', 'Load.'), 1)
  buffer.append(builder.end(clock.now()))
  for (let i = 0; i < 200; i++) {
    await clock.pass(10_000)
    assert.equal(endpoint.stalledMs(), 0)
  }
  const stopped = endpoint.stop(AbortSignal.abort())
  await clock.pass(10_000)
  await stopped
})
