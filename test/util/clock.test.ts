import assert from 'node:assert/strict'
import { test } from 'node:test'
import { every, type Schedule, type Tick, withTimeout } from '../../src/util/clock.ts'
import { settled, TestClock } from '../support/clock.ts'

interface Collected extends Tick {
  readonly atMs: number
}

/** Collects the ticks of a schedule while a test advances time. */
function ticking(clock: TestClock, schedule: Schedule, work: (tick: number) => Promise<void> = async () => {}) {
  const stop = new AbortController()
  const ticks: Collected[] = []
  const ended = (async () => {
    for await (const tick of every(clock, schedule, stop.signal)) {
      ticks.push({ ...tick, atMs: clock.now() })
      await work(ticks.length)
    }
  })()
  return { ticks, stop: () => stop.abort(), ended }
}

const minute = { intervalMs: 15_000, offsetMs: 7000 }
const multipleMs = 15_000 * 113_333_333

test('the first tick comes at once, the others at the offset within each interval', async () => {
  const clock = new TestClock(multipleMs + 4000)
  const { ticks, stop, ended } = ticking(clock, minute)
  await clock.pass(60_000)
  stop()
  await ended
  assert.deepEqual(
    ticks.map(({ atMs, scheduledMs, slot }) => [atMs - multipleMs, scheduledMs - multipleMs, slot - 113_333_333]),
    [
      [4000, -8000, -1],
      [7000, 7000, 0],
      [22_000, 22_000, 1],
      [37_000, 37_000, 2],
      [52_000, 52_000, 3],
    ],
  )
})

test('a start shortly before an interval is the tick of that interval', async () => {
  const clock = new TestClock(multipleMs + 6000)
  const { ticks, stop, ended } = ticking(clock, minute)
  await clock.pass(20_000)
  stop()
  await ended
  assert.deepEqual(
    ticks.map(({ atMs, slot }) => [atMs - multipleMs, slot - 113_333_333]),
    [
      [6000, 0],
      [22_000, 1],
    ],
  )
})

test('ticks during long work are skipped and counted', async () => {
  const clock = new TestClock(multipleMs + 7000)
  const { ticks, stop, ended } = ticking(clock, minute, async (n) => {
    if (n === 2) await clock.sleep(40_000)
  })
  await clock.pass(90_000)
  stop()
  await ended
  assert.deepEqual(
    ticks.map(({ slot, missed }) => [slot - 113_333_333, missed]),
    [
      [0, 0],
      [1, 0],
      [4, 2],
      [5, 0],
      [6, 0],
    ],
  )
})

test('work that ends shortly before an interval does not skip that interval', async () => {
  const clock = new TestClock(multipleMs + 7000)
  const { ticks, stop, ended } = ticking(clock, minute, () => clock.sleep(14_000))
  await clock.pass(60_000)
  stop()
  await clock.pass(15_000)
  await ended
  assert.deepEqual(
    ticks.map(({ slot, missed, leftMs }) => [slot - 113_333_333, missed, leftMs]),
    [0, 1, 2, 3, 4].map((slot) => [slot, 0, 15_000]),
  )
})

test('an interval that passes during work of less than two intervals is missed, also after a first tick between intervals', async () => {
  const clock = new TestClock(multipleMs + 16_000)
  const { ticks, stop, ended } = ticking(clock, minute, (n) => clock.sleep(n === 1 ? 8000 : n === 2 ? 20_000 : 0))
  await clock.pass(75_000)
  stop()
  await ended
  assert.deepEqual(
    ticks.map(({ slot, missed, leftMs }) => [slot - 113_333_333, missed, leftMs]),
    [
      [0, 0, 6000],
      [2, 1, 15_000],
      [4, 1, 15_000],
      [5, 0, 15_000],
    ],
  )
})

test('a process that was stopped collects at once and counts the missed ticks', async () => {
  const clock = new TestClock(multipleMs + 7000)
  const sleep = clock.sleep.bind(clock)
  let isStopped = true
  clock.sleep = (ms, signal) => {
    const stoppedMs = isStopped ? 60_000 : 0
    isStopped = false
    return sleep(ms + stoppedMs, signal)
  }
  const { ticks, stop, ended } = ticking(clock, minute)
  await clock.pass(90_000)
  stop()
  await ended
  assert.deepEqual(
    ticks.map(({ slot, missed }) => [slot - 113_333_333, missed]),
    [
      [0, 0],
      [5, 4],
      [6, 0],
    ],
  )
})

test('a step of the wall clock neither stops the schedule nor causes a burst of ticks', async () => {
  for (const stepMs of [3_600_000, -3_600_000, 600_003, -3_000]) {
    const clock = new TestClock()
    const { ticks, stop, ended } = ticking(clock, { intervalMs: 10_000, offsetMs: 0 })
    await clock.pass(30_000)
    const before = ticks.length
    clock.step(stepMs)
    await clock.pass(60_000)
    stop()
    await ended
    const after = ticks.length - before
    assert.ok(after >= 5 && after <= 7, `${after} ticks in 60 s after a step of ${stepMs} ms`)
    const off = (ticks.at(-1)?.atMs ?? 0) % 10_000
    assert.ok(Math.min(off, 10_000 - off) <= 1000, `${off} ms beside a multiple of the interval`)
    assert.deepEqual(
      ticks.map(({ missed }) => missed),
      ticks.map(() => 0),
    )
  }
})

test('the schedule follows a wall clock that is slewed', async () => {
  const clock = new TestClock(multipleMs + 7000)
  const { ticks, stop, ended } = ticking(clock, minute)
  for (let i = 0; i < 100; i++) {
    await clock.pass(1000)
    clock.step(i % 2 ? 1 : 0)
  }
  stop()
  await ended
  for (const { atMs, scheduledMs } of ticks) assert.ok(Math.abs(atMs - scheduledMs) <= 15, `${atMs - scheduledMs} ms`)
})

test('an abort ends the schedule without an error', async () => {
  const clock = new TestClock()
  const { stop, ended } = ticking(clock, { intervalMs: 10_000, offsetMs: 0 })
  await settled()
  stop()
  await ended
})

test('withTimeout resolves to `late` or to the result of the work', async () => {
  const clock = new TestClock()
  const late = withTimeout(clock, 100, new Promise(() => {}))
  await clock.pass(100)
  assert.equal(await late, 'late')
  assert.equal(await withTimeout(clock, 100, Promise.resolve(7)), 7)
  await assert.rejects(withTimeout(clock, 100, Promise.reject(new Error('broken'))), /broken/)
})
