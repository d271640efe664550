import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBuffer } from '../../src/buffer/memory-buffer.ts'
import { Ingest } from '../../src/collect/ingest.ts'
import { SampleClock } from '../../src/collect/sample-clock.ts'
import type { Snapshot } from '../../src/metrics/snapshot.ts'
import { silent } from '../../src/util/log.ts'
import { openLog, snapshots } from '../support/buffer.ts'
import { TestClock } from '../support/clock.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'

const nowMs = 1_800_000_000_000

/** An agent's ingest with a test clock; `collect` returns the snapshots in the buffer. */
function ingest(wallMs = nowMs, newestMs = 0) {
  const clock = new TestClock(wallMs)
  const buffer = new MemoryBuffer(1e6)
  const cursor = buffer.cursor('a')
  let dropped = 0
  const onDrop = (samples: number) => {
    dropped += samples
  }
  const into = new Ingest(buffer, new SampleClock(clock, silent, newestMs), { clock, log: silent, onDrop })
  const collect = async (): Promise<readonly Snapshot[]> => {
    into.add({ snapshot: { timestampMs: into.startCycle(), series: [], values: Float64Array.of(1, 2) } })
    if (cursor.backlog().snapshots === 0) return []
    return (await cursor.read({ samples: 1000 }, new AbortController().signal)).map(({ snapshot }) => snapshot)
  }
  return { clock, collect, into, dropped: () => dropped }
}

test('start timestamps of counters do not change when the clock changes', async () => {
  const { clock, collect } = ingest()
  const bootMs = nowMs - clock.bootMs()
  await clock.pass(15_000)
  await collect()
  clock.step(700)
  await clock.pass(15_000)
  await collect()
  clock.step(-3_600_000)
  await clock.pass(15_000)
  const all = await collect()
  assert.equal(all.length, 3)
  for (const { starts } of all) {
    assert.equal(starts, all[0]?.starts)
    assert.deepEqual(starts, { boot: Math.round(bootMs / 1000) * 1000, start: nowMs })
  }
})

test('start timestamps are computed once the clock is set', async () => {
  const { clock, collect } = ingest(0)
  assert.deepEqual(await collect(), [])
  const bootedMs = clock.bootMs()
  clock.step(nowMs)
  await clock.pass(15_000)
  const all = await collect()
  assert.equal(all.length, 2)
  for (const { starts, timestampMs } of all) {
    assert.equal(starts?.start, nowMs)
    assert.equal(starts?.boot, Math.round((nowMs - bootedMs) / 1000) * 1000)
    assert.ok(timestampMs >= nowMs)
  }
})

test('samples are held while the clock is behind earlier samples, and appended when it is correct', async () => {
  const { clock, collect, dropped } = ingest(nowMs, nowMs + 1_800_000)
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await collect(), [])
    await clock.pass(15_000)
  }
  clock.step(2_400_000) // NTP corrects the clock
  const times = (await collect()).map(({ timestampMs }) => timestampMs - nowMs - 2_400_000)
  assert.deepEqual(times, [0, 15_000, 30_000, 45_000])
  assert.equal(dropped(), 0)
})

test('held samples that overlap earlier samples are dropped and counted', async () => {
  const { clock, collect, dropped } = ingest(nowMs, nowMs + 120_000)
  for (let i = 0; i < 3; i++) {
    await collect()
    await clock.pass(15_000)
  }
  clock.step(100_000) // correct now: the first two overlap earlier samples
  const times = (await collect()).map(({ timestampMs }) => timestampMs - nowMs)
  assert.deepEqual(times, [130_000, 145_000])
  assert.equal(dropped(), 4)
})

test('held samples are limited, and counted as dropped at the stop', async () => {
  const { into, dropped } = ingest(0)
  const collect = (samples: number) => {
    into.startCycle()
    into.add({ snapshot: { timestampMs: 0, series: [], values: new Float64Array(samples) } })
  }
  for (let i = 0; i < 240; i++) collect(700)
  assert.equal(dropped(), 0)
  collect(1e6)
  assert.equal(dropped(), 240 * 700)
  into.end()
  assert.equal(dropped(), 240 * 700 + 1e6)
})

test('held samples of a host with many series fit into the memory of the buffer', async () => {
  const clock = new TestClock(0)
  const buffer = await openLog(new SimulatedDisk(), {}, { clock })
  const cursor = buffer.cursor('a')
  let dropped = 0
  const onDrop = (samples: number) => {
    dropped += samples
  }
  const into = new Ingest(buffer, new SampleClock(clock, silent), { clock, log: silent, onDrop })
  const next = snapshots(6000)
  for (let i = 0; i < 200; i++) {
    into.startCycle()
    into.add({ snapshot: next(i) })
    await clock.pass(15_000)
  }
  clock.step(nowMs)
  into.startCycle()
  into.add({ snapshot: next(200) })
  assert.deepEqual(buffer.stats.dropped, new Map())
  assert.equal(cursor.backlog().samples + dropped, 201 * 6000)
  assert.ok(cursor.backlog().snapshots > 50)
  await buffer.close()
})

test('a held snapshot gets the time at which its collection started', async () => {
  const { clock, collect, into } = ingest(0)
  into.startCycle()
  const bootMs = clock.bootMs()
  await clock.pass(900) // a slow collection
  into.add({ snapshot: { timestampMs: 0, series: [], values: Float64Array.of(1) } })
  await clock.pass(100)
  clock.step(nowMs)
  const [first] = await collect()
  assert.equal(first?.timestampMs, clock.now() - clock.bootMs() + bootMs)
})

test('if earlier samples are in the future, samples held for a day get timestamps and are appended', async () => {
  const { clock, collect, dropped } = ingest(nowMs, nowMs + 1e9)
  let times: readonly number[] = []
  while (times.length === 0) {
    times = (await collect()).map(({ timestampMs }) => timestampMs)
    await clock.pass(600_000)
  }
  assert.deepEqual(
    times,
    times.map((_, i) => nowMs + i * 600_000),
  )
  assert.deepEqual([times.length, dropped()], [146, 0])
})
