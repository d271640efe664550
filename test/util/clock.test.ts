import assert from 'node:assert/strict'
import { test } from 'node:test'
import { every, withTimeout } from '../../src/util/clock.ts'
import { settled, TestClock } from '../support/clock.ts'

/** Collects the ticks of a schedule while a test advances time. */
function ticking(clock: TestClock, intervalMs: number, work: (tick: number) => Promise<void> = async () => {}) {
  const stop = new AbortController()
  const ticks: { timestampMs: number; missed: number }[] = []
  const ended = (async () => {
    for await (const tick of every(clock, intervalMs, stop.signal)) {
      ticks.push(tick)
      await work(ticks.length)
    }
  })()
  return { ticks, stop: () => stop.abort(), ended }
}

test('the first tick comes at once, the others at multiples of the interval', async () => {
  const multipleMs = 15_000 * 113_333_333
  const clock = new TestClock(multipleMs + 4000)
  const { ticks, stop, ended } = ticking(clock, 15_000)
  await clock.pass(60_000)
  stop()
  await ended
  assert.deepEqual(
    ticks.map(({ timestampMs }) => timestampMs - multipleMs),
    [4000, 15_000, 30_000, 45_000, 60_000],
  )
})

test('ticks during long work are skipped and counted', async () => {
  const clock = new TestClock(1_700_000_000_000 - (1_700_000_000_000 % 10_000))
  const { ticks, stop, ended } = ticking(clock, 10_000, async (n) => {
    if (n === 2) await clock.sleep(25_000)
  })
  await clock.pass(60_000)
  stop()
  await ended
  assert.deepEqual(
    ticks.map(({ missed }) => missed),
    [0, 0, 0, 0, 0],
  )
  const seconds = ticks.map(({ timestampMs }) => (timestampMs / 1000) % 1000)
  assert.deepEqual(
    seconds.map((at) => at - (seconds[0] ?? 0)),
    [0, 10, 40, 50, 60],
  )
})

test('a step of the wall clock neither stops the schedule nor causes a burst of ticks', async () => {
  for (const stepMs of [3_600_000, -3_600_000, 600_003, -3_000]) {
    const clock = new TestClock()
    const { ticks, stop, ended } = ticking(clock, 10_000)
    await clock.pass(30_000)
    const before = ticks.length
    clock.step(stepMs)
    await clock.pass(60_000)
    stop()
    await ended
    const after = ticks.length - before
    assert.ok(after >= 5 && after <= 7, `${after} ticks in 60 s after a step of ${stepMs} ms`)
    const off = (ticks.at(-1)?.timestampMs ?? 0) % 10_000
    assert.ok(Math.min(off, 10_000 - off) <= 1000, `${off} ms beside a multiple of the interval`)
  }
})

test('an abort ends the schedule without an error', async () => {
  const clock = new TestClock()
  const { stop, ended } = ticking(clock, 10_000)
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
