import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiskOptions } from '../../../src/buffer/options.ts'
import { allOf, openLog, snapshots } from '../../support/buffer.ts'
import { settled, TestClock } from '../../support/clock.ts'
import { SimulatedDisk } from '../../support/simulated-disk.ts'

const hourMs = 3_600_000
const kept = (disk: SimulatedDisk) => disk.pathsIn('/b/log').filter((path) => path.endsWith('.kept'))
const segments = (disk: SimulatedDisk) => disk.pathsIn('/b/log').filter((path) => path.endsWith('.segment'))

/** An agent that delivers a snapshot in each of `hours` hours, in one segment each. */
async function delivered(hours: number, options: Partial<DiskOptions> = {}, disk = new SimulatedDisk(), first = 1) {
  const clock = new TestClock(1_700_000_000_000 + first * hourMs)
  const buffer = await openLog(disk, options, { clock })
  buffer.cursor('a')
  const next = snapshots()
  for (let i = 0; i < hours; i++) {
    buffer.append(next(first + i))
    await settled()
    await allOf(buffer)
    await clock.pass(hourMs)
  }
  await settled()
  return { disk, buffer, clock }
}

test('delivered segments stay as history within keep.max_age', async () => {
  const keep = { maxAgeMs: 3 * hourMs, maxBytes: 1e9 }
  const { disk, buffer, clock } = await delivered(10, { keep })
  assert.ok(segments(disk).length <= 3, segments(disk).join())
  const all = await buffer.kept.all()
  assert.deepEqual(
    all.map(({ path }) => path),
    kept(disk),
  )
  // the newest hours are still in segments, and the last trim was up to an hour ago
  assert.ok(all.length + segments(disk).length >= 4)
  assert.ok(all.every(({ createdMs }) => createdMs >= clock.now() - 4 * hourMs))
})

test('the oldest history is deleted beyond keep.max_bytes, and none is kept with 0', async () => {
  const all = await delivered(8, { keep: { maxAgeMs: 99 * hourMs, maxBytes: 1e9 } })
  const sizes = kept(all.disk).map((path) => all.disk.bytesOf(path).length)
  assert.ok(sizes.length >= 5)
  const maxBytes = (sizes[0] ?? 0) * 3
  const { disk } = await delivered(8, { keep: { maxAgeMs: 99 * hourMs, maxBytes } })
  assert.deepEqual(kept(disk), kept(all.disk).slice(-3))
  assert.deepEqual(kept((await delivered(8, { keep: { maxAgeMs: 99 * hourMs, maxBytes: 0 } })).disk), [])
})

test('a start ignores history: not for the backlog, the sequence numbers, lost cursors or max_bytes', async () => {
  const keep = { maxAgeMs: 99 * hourMs, maxBytes: 1e9 }
  const { disk, buffer } = await delivered(8, { keep })
  const last = buffer.last.sequence
  await buffer.close()
  const again = await openLog(disk.afterKill(), { keep })
  assert.equal(again.cursor('a').backlog().snapshots, 0)
  assert.equal(again.append(snapshots()(99)), last + 1)
  assert.ok((await again.kept.all()).length >= 5)
  const lost = disk.afterKill()
  lost.names.delete('/b/cursors')
  const unknown = (await openLog(lost, { keep })).cursor('a').backlog().snapshots
  assert.equal(unknown, segments(lost).length)
})

test('history is deleted when the disk is full, and the snapshot is written', async () => {
  const keep = { maxAgeMs: 99 * hourMs, maxBytes: 1e9 }
  const { disk, buffer } = await delivered(8, { keep, minFreeBytes: 1000 })
  assert.ok(kept(disk).length >= 5)
  disk.free = 10
  const remove = disk.remove.bind(disk)
  disk.remove = async (path) => {
    disk.free += 1000
    return remove(path)
  }
  buffer.append(snapshots()(100))
  await settled()
  assert.ok(kept(disk).length <= 1, 'at most the segment that is delivered by now')
  assert.equal(buffer.problem, undefined)
  assert.equal(buffer.isBehind, false)
})
