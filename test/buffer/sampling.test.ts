import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBuffer } from '../../src/buffer/memory-buffer.ts'
import { includes, type SamplingRule } from '../../src/buffer/sampling.ts'
import type { Buffer } from '../../src/buffer/types.ts'
import { openLog, signal, snapshots, textOf } from '../support/buffer.ts'
import { settled } from '../support/clock.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'

const minute: SamplingRule = { intervalMs: 60_000, collectedMs: 15_000 }
const values = new Float64Array()

/** The included timestamps of collections at these times. */
const taken = (sampling: SamplingRule, times: readonly number[]) =>
  times.filter((timestampMs) => includes(sampling, { timestampMs, series: [], values }))

test('an endpoint with an interval of one minute gets one in four 15-second snapshots, at the full minute', () => {
  const times = Array.from({ length: 12 }, (_, i) => i * 15_000)
  assert.deepEqual(taken(minute, times), [0, 60_000, 120_000])
})

test('a collection that is slightly early or late still belongs to its tick', () => {
  for (const off of [-7000, -1, 1, 900, 7000]) {
    const times = Array.from({ length: 12 }, (_, i) => 60_000 + i * 15_000 + off)
    assert.deepEqual(taken(minute, times), [60_000 + off, 120_000 + off, 180_000 + off])
  }
})

test('an interval that is no multiple of the collection interval includes the snapshot nearest to each tick', () => {
  const times = Array.from({ length: 9 }, (_, i) => i * 15_000)
  assert.deepEqual(taken({ intervalMs: 40_000, collectedMs: 15_000 }, times), [0, 45_000, 75_000, 120_000])
  assert.deepEqual(
    taken({ intervalMs: 20_000, collectedMs: 15_000 }, times),
    [0, 15_000, 45_000, 60_000, 75_000, 105_000, 120_000],
  )
})

test('with slots, the endpoint gets the snapshots at multiples of the interval, by slot and not by time', () => {
  const first = 120_000_000
  const slots = Array.from({ length: 12 }, (_, i) => first + i)
  const of = (slot: number) => ({ timestampMs: slot * 15_000 + 11_234, slot, series: [], values })
  const included = (sampling: SamplingRule) =>
    slots.filter((slot) => includes(sampling, of(slot))).map((one) => one - first)
  assert.deepEqual(included(minute), [0, 4, 8])
  assert.deepEqual(included({ intervalMs: 45_000, collectedMs: 15_000 }), [0, 3, 6, 9])
})

test('the last snapshot before a stop is always included', () => {
  assert.equal(includes(minute, { timestampMs: 33_000, series: [], values, isLast: true }), true)
})

const buffers: Readonly<Record<string, () => Promise<Buffer>>> = {
  memory: async () => new MemoryBuffer(1e6),
  disk: () => openLog(new SimulatedDisk()),
}
for (const [name, open] of Object.entries(buffers)) {
  test(`${name}: a cursor returns only included snapshots, and its backlog counts only these`, async () => {
    const buffer = await open()
    const next = snapshots()
    const [slow, fast] = [buffer.cursor('slow', minute), buffer.cursor('fast')]
    // 1 700 000 000 seconds are 20 seconds past the minute: the third snapshot is the first included one.
    for (let i = 1; i <= 12; i++) buffer.append(next(i))
    await settled()
    assert.deepEqual([slow.backlog().snapshots, slow.backlog().samples], [3, 9])
    assert.equal(slow.backlog().oldestMs, 1_700_000_045_000)
    assert.equal(fast.backlog().snapshots, 12)
    const numbers: number[] = []
    while (slow.backlog().snapshots > 0) {
      const entries = await slow.read({ samples: 6 }, signal)
      numbers.push(...entries.map(({ sequence }) => sequence))
      await slow.markInFlight({ first: entries[0]?.sequence ?? 0, last: entries.at(-1)?.sequence ?? 0, note: '' })
      await slow.commit(entries.at(-1)?.sequence ?? 0)
    }
    assert.deepEqual(numbers, [3, 7, 11])
    const reading = slow.read({ samples: 6 }, signal)
    buffer.append(next(13))
    await settled()
    buffer.append({ ...next(14), isLast: true })
    assert.deepEqual(
      (await reading).map(({ sequence }) => sequence),
      [14],
    )
    await buffer.close()
  })
}

test('after a kill the same snapshots of a backlog are included, also the last before a stop', async () => {
  const disk = new SimulatedDisk()
  const next = snapshots()
  const first = await openLog(disk)
  const before = first.cursor('slow', minute)
  for (let i = 1; i <= 5; i++) first.append(next(i))
  first.append({ ...next(6), isLast: true })
  for (let i = 7; i <= 12; i++) first.append(next(i))
  await settled()
  const range = await before.read({ samples: 6 }, signal)
  assert.deepEqual(
    range.map(({ sequence }) => sequence),
    [3, 6],
  )
  await before.markInFlight({ first: 3, last: 6, note: 'here' })
  await first.close()
  const again = await openLog(disk.afterKill())
  const after = again.cursor('slow', minute)
  assert.ok(after.backlog().snapshots >= 3, `${after.backlog().snapshots} in the backlog`)
  const same = await after.read({ samples: 1 }, signal)
  assert.deepEqual(
    same.map(({ snapshot }) => textOf(snapshot)),
    range.map(({ snapshot }) => textOf(snapshot)),
  )
  await after.commit(6)
  const rest = await after.read({ samples: 99 }, signal)
  assert.deepEqual(
    rest.map(({ sequence }) => sequence),
    [7, 11],
  )
  await after.commit(11)
  await again.close()
})

test('a full buffer counts only the dropped snapshots that the endpoint includes', async () => {
  const buffer = new MemoryBuffer(3 * 8 * 4)
  const next = snapshots()
  buffer.cursor('slow', minute)
  for (let i = 1; i <= 12; i++) buffer.append(next(i))
  assert.deepEqual(buffer.stats.dropped.get('slow'), new Map([['max_bytes', 6]]))
})
