import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiskBuffer } from '../../../src/buffer/disk-buffer.ts'
import { openLog, signal, snapshots } from '../../support/buffer.ts'
import { settled } from '../../support/clock.ts'
import { SimulatedDisk } from '../../support/simulated-disk.ts'

/** Sends each snapshot as soon as it is written, one request each, until the buffer is closed. */
async function sendAll(buffer: DiskBuffer, isAnswered: (sequence: number) => boolean, sent: number[] = []) {
  const cursor = buffer.cursor('a')
  for (;;) {
    const entries = await cursor.read({ samples: 1 }, signal)
    const [first, last] = [entries[0]?.sequence ?? 0, entries.at(-1)?.sequence ?? 0]
    await cursor.markInFlight({ first, last, note: '' })
    sent.push(last)
    if (!isAnswered(last)) return
    await cursor.commit(last)
  }
}

async function append(buffer: DiskBuffer, count: number, next = snapshots()) {
  for (let i = 1; i <= count; i++) {
    buffer.append(next(buffer.last.sequence + 1))
    await settled()
  }
}

/** Only what is synced survives. */
const nothingUnsynced = () => 0.5

test('a live endpoint costs one sync for each snapshot', async () => {
  const disk = new SimulatedDisk()
  const buffer = await openLog(disk)
  const sent: number[] = []
  void sendAll(buffer, () => true, sent)
  await append(buffer, 1)
  const before = disk.syncs
  await append(buffer, 40)
  assert.equal(sent.length, 41)
  assert.equal(disk.syncs - before, 40)
})

test('after a power loss only the last snapshot is in flight, and the snapshots before it are not sent again', async () => {
  const disk = new SimulatedDisk()
  const buffer = await openLog(disk)
  void sendAll(buffer, (sequence) => sequence < 30)
  await append(buffer, 30)
  const cursor = (await openLog(disk.afterPowerLoss(nothingUnsynced))).cursor('a')
  assert.deepEqual(cursor.inFlight && { ...cursor.inFlight }, { first: 30, last: 30, note: '', samples: 90 })
  assert.equal(cursor.backlog().snapshots, 1)
})

test('a request of several snapshots is in the cursor file before it is sent, and overrides the mark', async () => {
  const disk = new SimulatedDisk()
  const buffer = await openLog(disk)
  void sendAll(buffer, (sequence) => sequence < 5)
  await append(buffer, 8)
  const cursor = (await openLog(disk.afterPowerLoss(nothingUnsynced))).cursor('a')
  assert.deepEqual([cursor.inFlight?.first, cursor.inFlight?.last], [5, 5])
  const entries = await cursor.read({ samples: 99 }, signal)
  assert.deepEqual([entries.length, entries[0]?.sequence], [1, 5])
  await cursor.commit(5)
  const rest = await cursor.read({ samples: 99 }, signal)
  assert.equal(rest.length, 3)
})

test('a snapshot that was appended while the endpoint was busy has no mark', async () => {
  const disk = new SimulatedDisk()
  const buffer = await openLog(disk)
  const sent: number[] = []
  void sendAll(buffer, () => true, sent)
  await settled()
  await append(buffer, 1)
  const next = snapshots()
  buffer.append(next(2))
  buffer.append(next(3)) // the endpoint waits for 2
  await settled()
  assert.deepEqual(sent, [1, 2, 3])
  const marks: (readonly string[])[] = []
  const reader = buffer.reader(0)
  for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) marks.push(entry.marks)
  await reader.close()
  assert.deepEqual(marks, [['a'], ['a'], []])
})

test('a mark in an older segment is in the cursor file when a new segment begins', async () => {
  let disk = new SimulatedDisk()
  const buffer = await openLog(disk)
  void sendAll(buffer, (sequence) => sequence < 3)
  await append(buffer, 3)
  for (let start = 0; start < 3; start++) {
    disk = disk.afterPowerLoss(nothingUnsynced)
    const again = await openLog(disk)
    assert.deepEqual([again.cursor('a').inFlight?.first, again.cursor('a').backlog().snapshots], [3, 1 + start])
    await append(again, 1) // in a new segment, without a mark
  }
})
