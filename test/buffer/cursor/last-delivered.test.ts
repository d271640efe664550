import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRecord, recordBytes, recordOf } from '../../../src/buffer/cursor/record.ts'
import { MemoryBuffer } from '../../../src/buffer/memory-buffer.ts'
import type { Cursor } from '../../../src/buffer/types.ts'
import { openLog, signal, snapshots, textOf } from '../../support/buffer.ts'
import { settled, TestClock } from '../../support/clock.ts'
import { SimulatedDisk } from '../../support/simulated-disk.ts'

const always = Number.NEGATIVE_INFINITY

/** Commits the next snapshot as delivered or rejected. */
async function send(cursor: Cursor, verdict: 'delivered' | 'rejected' = 'delivered') {
  const [entry] = await cursor.read({ samples: 1 }, signal)
  const sequence = entry?.sequence ?? 0
  await cursor.markInFlight({ first: sequence, last: sequence, note: '' })
  await cursor.commit(sequence, verdict)
}

test('the last delivered snapshot is known after a kill, within the requested age', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const next = snapshots()
  const buffer = await openLog(disk, {}, { clock })
  const cursor = buffer.cursor('a')
  assert.equal(await cursor.lastDelivered(always), undefined, 'there is none yet')
  const [first, second, third] = [next(1), next(2), next(3)]
  for (const one of [first, second, third]) buffer.append(one)
  await send(cursor)
  await send(cursor)
  await send(cursor, 'rejected')
  assert.equal((await cursor.lastDelivered(always))?.snapshot, second)
  const after = (await openLog(disk.afterKill(), {}, { clock })).cursor('a')
  const last = await after.lastDelivered(second.timestampMs)
  assert.equal(last?.sequence, 2)
  assert.equal(last && textOf(last.snapshot), textOf(second))
  assert.equal(await after.lastDelivered(second.timestampMs + 1), undefined)
})

test('a new endpoint has no last delivered snapshot', async () => {
  const disk = new SimulatedDisk()
  const buffer = await openLog(disk)
  buffer.append(snapshots()(1))
  await settled()
  await buffer.close()
  const again = await openLog(disk.afterKill())
  assert.equal(await again.cursor('a').lastDelivered(always), undefined)
})

test('the segment of the last delivered snapshot stays until the next delivery', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const buffer = await openLog(disk, {}, { clock })
  const cursor = buffer.cursor('a')
  const next = snapshots()
  buffer.append(next(1))
  await send(cursor)
  await clock.pass(3_600_000)
  buffer.append(next(2))
  await settled()
  assert.equal(disk.pathsIn('/b/log').length, 2)
  const after = (await openLog(disk.afterKill(), {}, { clock })).cursor('a')
  assert.equal((await after.lastDelivered(always))?.sequence, 1)
  await send(cursor)
  buffer.append(next(3))
  await send(cursor)
  await settled()
  assert.deepEqual(disk.pathsIn('/b/log'), ['/b/log/0000000000000002.segment'])
})

test('the segment also stays while the sampling skips snapshots, and after a kill during the next request', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const sampling = { intervalMs: 60_000, collectedMs: 15_000 }
  const buffer = await openLog(disk, {}, { clock })
  const cursor = buffer.cursor('a', sampling)
  const next = snapshots()
  const begun = async () => {
    const [entry] = await cursor.read({ samples: 1 }, AbortSignal.timeout(30_000))
    const sequence = entry?.sequence ?? 0
    await cursor.markInFlight({ first: sequence, last: sequence, note: '' })
    return sequence
  }
  buffer.append(next(3)) // five seconds after a full minute
  assert.equal(await begun(), 1)
  await cursor.commit(1)
  await clock.pass(3_600_000)
  const reading = begun()
  for (const number of [4, 5, 6, 7]) {
    buffer.append(next(number))
    await settled()
  }
  assert.equal(await reading, 5)
  buffer.append(next(8))
  await settled()
  const after = await openLog(disk.afterKill(), {}, { clock })
  const again = after.cursor('a', sampling)
  after.append(next(9))
  await settled()
  assert.equal((await again.lastDelivered(always))?.sequence, 1)
})

test('a cursor slot of an older version has no last delivered snapshot', () => {
  const state = { name: 'a', position: { sequence: 7, samples: 70 }, inFlight: undefined, uncertain: 0, writtenMs: 5 }
  const bytes = recordOf(1, { ...state, memo: 'm'.repeat(1024), delivered: 0 })
  assert.equal(bytes.length, recordBytes)
  const slot = readRecord(bytes)
  assert.ok(typeof slot === 'object')
  assert.deepEqual(slot.state, { ...state, memo: 'm'.repeat(1024), delivered: 0, settled: 7 })
  const known = readRecord(recordOf(1, { ...state, memo: '', delivered: 2 ** 47 }))
  assert.equal(typeof known === 'object' && known.state.delivered, 2 ** 47)
})

test('in memory a restarted sender knows the last delivered snapshot', async () => {
  const buffer = new MemoryBuffer(1e6)
  const cursor = buffer.cursor('a')
  const snapshot = snapshots()(1)
  buffer.append(snapshot)
  await send(cursor)
  assert.equal((await buffer.cursor('a').lastDelivered(always))?.snapshot, snapshot)
  assert.equal(await cursor.lastDelivered(snapshot.timestampMs + 1), undefined)
  assert.equal(await new MemoryBuffer(1e6).cursor('a').lastDelivered(always), undefined)
})
