import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBuffer } from '../../src/buffer/memory-buffer.ts'
import { gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'

const room = gauge('temperature', 'Degrees.', ['room'])
const signal = new AbortController().signal

/** Snapshots of two samples each. */
function snapshots() {
  const builder = new SnapshotBuilder(new SeriesTable())
  let now = 0
  return () => {
    builder.begin()
    for (const name of ['a', 'b']) builder.add(room, now, { room: name })
    return builder.end((now += 1000))
  }
}

test('sequence numbers are consecutive, and a cursor reads the later snapshots, oldest first', async () => {
  const next = snapshots()
  const buffer = new MemoryBuffer(1e6, { nextSequence: 7 })
  buffer.append(next())
  const cursor = buffer.cursor('a')
  assert.deepEqual([buffer.append(next()), buffer.append(next()), buffer.append(next())], [8, 9, 10])
  assert.deepEqual(
    (await cursor.read({ samples: 4 }, signal)).map((one) => one.sequence),
    [8, 9],
  )
  assert.deepEqual(
    (await cursor.read({ samples: 1 }, signal)).map((one) => one.sequence),
    [8],
  )
  await cursor.commit(9)
  assert.deepEqual(
    (await cursor.read({ samples: 99 }, signal)).map((one) => one.sequence),
    [10],
  )
  assert.deepEqual(cursor.backlog(), { snapshots: 1, samples: 2, bytes: 16, oldestMs: 4000 })
})

test('a read waits for the next snapshot or the abort signal', async () => {
  const next = snapshots()
  const buffer = new MemoryBuffer(1e6)
  const cursor = buffer.cursor('a')
  const reading = cursor.read({ samples: 9 }, signal)
  buffer.append(next())
  assert.equal((await reading).length, 1)
  await cursor.commit(1)
  const stop = new AbortController()
  const waiting = cursor.read({ samples: 9 }, stop.signal)
  stop.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
})

test('a full buffer drops the oldest snapshots and counts them for each endpoint that has not passed them', async () => {
  const next = snapshots()
  const buffer = new MemoryBuffer(48)
  const slow = buffer.cursor('slow')
  const fast = buffer.cursor('fast')
  for (let i = 0; i < 3; i++) buffer.append(next())
  await fast.commit(2)
  for (let i = 0; i < 2; i++) buffer.append(next())
  assert.deepEqual(
    (await slow.read({ samples: 99 }, signal)).map((one) => one.sequence),
    [3, 4, 5],
  )
  assert.deepEqual(
    (await fast.read({ samples: 99 }, signal)).map((one) => one.sequence),
    [3, 4, 5],
  )
  assert.deepEqual([...(buffer.stats.dropped.get('slow') ?? [])], [['max_bytes', 4]])
  assert.equal(buffer.stats.dropped.get('fast'), undefined)
  assert.equal(buffer.stats.bytes, 48)
})

test('snapshots that every endpoint has passed are freed', async () => {
  const next = snapshots()
  const buffer = new MemoryBuffer(1e6)
  const cursors = [buffer.cursor('a'), buffer.cursor('b')]
  for (let i = 0; i < 3; i++) buffer.append(next())
  await cursors[0]?.commit(3)
  assert.equal(buffer.stats.bytes, 48)
  await cursors[1]?.commit(2)
  assert.equal(buffer.stats.bytes, 16)
})
