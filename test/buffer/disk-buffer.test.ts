import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allOf, openLog, recordingLog, signal, snapshots, textOf } from '../support/buffer.ts'
import { settled, TestClock } from '../support/clock.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'

test('after a restart the snapshots after the cursor are read back, identical to the bit', async () => {
  const disk = new SimulatedDisk()
  const next = snapshots()
  const buffer = await openLog(disk)
  const cursor = buffer.cursor('a')
  const appended = [...Array(70).keys()].map((i) => next(i, i % 9 === 0 ? ['r1', 'new'] : undefined))
  for (const [i, snapshot] of appended.entries()) {
    assert.equal(buffer.append(snapshot), i + 1)
    if (i % 5 === 0) await settled()
  }
  await cursor.read({ samples: 1 }, signal)
  await cursor.commit(1)
  await buffer.close()
  const again = await openLog(disk.afterKill())
  assert.deepEqual(
    await allOf(again, 'a', 20),
    appended.slice(1).map((snapshot, i) => `${i + 2} ${textOf(snapshot)}`),
  )
  assert.deepEqual(again.stats.dropped, new Map())
  assert.equal(again.append(next(70)), 71)
})

test('a live snapshot is read from memory, and only after its sync', async () => {
  const disk = new SimulatedDisk()
  const next = snapshots()
  const buffer = await openLog(disk)
  const cursor = buffer.cursor('a')
  await settled()
  let isOpen = false
  const gate = Promise.withResolvers<void>()
  const open = disk.open.bind(disk)
  disk.open = async (path, mode) => {
    const file = await open(path, mode)
    const slow = async () => {
      if (!isOpen) await gate.promise
      return file.datasync()
    }
    return path.includes('/log/') ? { ...file, datasync: slow } : file
  }
  const snapshot = next(1)
  buffer.append(snapshot)
  let read: readonly unknown[] | undefined
  const reading = cursor.read({ samples: 9 }, signal).then((entries) => {
    read = entries
    return entries
  })
  await settled()
  assert.equal(read, undefined)
  isOpen = true
  gate.resolve()
  assert.equal((await reading)[0]?.snapshot, snapshot)
  await buffer.close()
})

test('a request costs one sync in addition to the sync of the snapshot', async () => {
  const disk = new SimulatedDisk()
  const next = snapshots()
  const buffer = await openLog(disk)
  const cursor = buffer.cursor('a')
  const send = async (i: number) => {
    buffer.append(next(i))
    const [entry] = await cursor.read({ samples: 9 }, signal)
    const sequence = entry?.sequence ?? 0
    await cursor.markInFlight({ first: sequence, last: sequence, note: '' })
    await cursor.commit(sequence)
  }
  await send(1)
  disk.syncs = 0
  for (let i = 2; i <= 11; i++) await send(i)
  assert.equal(disk.syncs, 20)
})

test('after a restart the first read returns exactly the range in flight, with its note', async () => {
  const disk = new SimulatedDisk()
  const next = snapshots()
  const buffer = await openLog(disk)
  const cursor = buffer.cursor('a')
  for (let i = 1; i <= 9; i++) buffer.append(next(i))
  await settled()
  await cursor.commit((await cursor.read({ samples: 6 }, signal)).at(-1)?.sequence ?? 0)
  await cursor.read({ samples: 9 }, signal)
  await cursor.markInFlight({ first: 3, last: 5, note: 'half' })
  const after = (await openLog(disk.afterPowerLoss(() => 0.9))).cursor('a')
  assert.deepEqual({ ...after.inFlight, samples: undefined }, { first: 3, last: 5, note: 'half', samples: undefined })
  const sequences = async () => (await after.read({ samples: 1 }, signal)).map(({ sequence }) => sequence)
  assert.deepEqual(await sequences(), [3, 4, 5])
  await after.commit(5)
  assert.deepEqual(await sequences(), [6])
  assert.equal(after.inFlight, undefined)
})

test('a series is the same object in all segments and in the collected snapshots', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const buffer = await openLog(disk, {}, { clock })
  buffer.cursor('a')
  const next = snapshots()
  for (let i = 1; i <= 6; i++) {
    buffer.append(next(i))
    await settled()
    await clock.pass(3_600_000)
  }
  await buffer.close()
  const again = await openLog(disk.afterKill(), {}, { clock })
  const live = snapshots()(7)
  again.append(live)
  const cursor = again.cursor('a')
  const seen = new Set<unknown>()
  for (let left = 7; left > 0; left--) {
    const [entry] = await cursor.read({ samples: 1 }, signal)
    for (const series of entry?.snapshot.series ?? []) seen.add(series)
    await cursor.commit(entry?.sequence ?? 0)
  }
  assert.deepEqual(seen, new Set(live.series))
})

test('after a change of the instance label, older snapshots keep the old one', async () => {
  const disk = new SimulatedDisk()
  const buffer = await openLog(disk)
  buffer.cursor('a')
  buffer.append(snapshots(1, { job: 'node', instance: 'old' } as { job: string })(1))
  await buffer.close()
  const again = await openLog(disk.afterKill())
  again.append(snapshots(1, { job: 'node', instance: 'new' } as { job: string })(2))
  const lines = await allOf(again)
  assert.match(lines[0] ?? '', /"instance":"old"/)
  assert.match(lines[1] ?? '', /"instance":"new"/)
})

test('per-sample timestamps, NaN payloads, -0 and infinities are preserved', async () => {
  const disk = new SimulatedDisk()
  const buffer = await openLog(disk)
  buffer.cursor('a')
  const { series } = snapshots()(1)
  const values = new Float64Array([Number.NaN, -0, Number.NEGATIVE_INFINITY])
  new Uint32Array(values.buffer)[0] = 7
  const bits = Buffer.from(values.buffer).toString('hex')
  const ownTimestampsMs = new Float64Array([Number.NaN, 5, 1.7e12])
  for (let i = 0; i < 3; i++) buffer.append({ timestampMs: i, series, values, ownTimestampsMs })
  await buffer.close()
  const cursor = (await openLog(disk.afterKill())).cursor('a')
  for (const { snapshot } of await cursor.read({ samples: 99 }, signal)) {
    assert.equal(Buffer.from(snapshot.values.buffer).toString('hex'), bits)
    assert.deepEqual(snapshot.ownTimestampsMs, ownTimestampsMs)
  }
})

test('a segment is deleted when every endpoint has passed it; a new endpoint starts at the end', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const buffer = await openLog(disk, {}, { clock })
  const next = snapshots()
  const [fast, slow] = [buffer.cursor('fast'), buffer.cursor('slow')]
  for (let i = 1; i <= 4; i++) {
    buffer.append(next(i))
    await settled()
    await clock.pass(3_600_000)
  }
  assert.equal(disk.pathsIn('/b/log').length, 4)
  const send = async (cursor: typeof fast, samples: number) => {
    const sequence = (await cursor.read({ samples }, signal)).at(-1)?.sequence ?? 0
    await cursor.markInFlight({ first: sequence, last: sequence, note: '' })
    await cursor.commit(sequence)
  }
  await send(fast, 99)
  assert.equal(disk.pathsIn('/b/log').length, 4)
  for (let i = 0; i < 4; i++) await send(slow, 1)
  await fast.markInFlight({ first: 5, last: 5, note: '' })
  await slow.markInFlight({ first: 5, last: 5, note: '' })
  await slow.commit(4)
  assert.equal(disk.pathsIn('/b/log').length, 1)
  assert.equal(buffer.cursor('new').backlog().snapshots, 0)
})

test('a start knows the backlogs without reading the log', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const buffer = await openLog(disk, {}, { clock })
  buffer.cursor('a')
  const next = snapshots()
  for (let i = 1; i <= 5; i++) {
    buffer.append(next(i))
    await settled()
    await clock.pass(3_600_000)
  }
  await buffer.close()
  const again = disk.afterKill()
  let read = 0
  again.fault = (operation, path) => {
    if (operation === 'read' && path.includes('/log/')) read++
    return undefined
  }
  const { snapshots: count, samples, bytes } = (await openLog(again)).cursor('a').backlog()
  assert.deepEqual({ count, samples, read }, { count: 5, samples: 15, read: 6 })
  assert.equal(
    bytes,
    again.pathsIn('/b/log').reduce((sum, path) => sum + again.bytesOf(path).length, 0),
  )
})

test('max_bytes deletes the oldest segments and counts the dropped samples of each endpoint', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const next = snapshots(200)
  const buffer = await openLog(disk, { maxBytes: 40_000 }, { clock })
  const [slow, fast] = [buffer.cursor('slow'), buffer.cursor('fast')]
  let sentByFast = 0
  for (let i = 1; i <= 200; i++) {
    buffer.append(next(i * Math.PI))
    await settled()
    if (i !== 100) continue
    const entries = await fast.read({ samples: 1e9 }, signal)
    sentByFast = entries.length
    await fast.commit(100)
  }
  assert.ok(buffer.stats.bytes <= 40_000)
  for (const [name, cursor, sent] of [
    ['slow', slow, 0],
    ['fast', fast, sentByFast],
  ] as const) {
    const lost = buffer.stats.dropped.get(name)?.get('max_bytes') ?? 0
    assert.equal(lost + (await allOf(buffer, name)).length * 200, (200 - sent) * 200)
    assert.ok(cursor.backlog().snapshots === 0 && lost > 0)
  }
  assert.equal(buffer.stats.dropped.get('slow')?.get('corrupt'), undefined)
})

test('after a step of the wall clock max_age deletes nothing until a receiver confirms the time', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const buffer = await openLog(disk, { maxAgeMs: 7_200_000 }, { clock })
  buffer.cursor('a')
  const next = snapshots()
  const hour = async (i: number) => {
    buffer.append(next(i))
    await settled()
    await clock.pass(3_600_000)
  }
  for (let i = 1; i <= 3; i++) await hour(i)
  clock.step(86_400_000)
  for (let i = 4; i <= 5; i++) await hour(i)
  assert.equal(buffer.stats.dropped.get('a'), undefined)
  buffer.confirmTime(clock.now() - 500)
  await hour(6)
  assert.deepEqual([...(buffer.stats.dropped.get('a') ?? [])], [['max_age', 6]])
})

test('the backlog of an endpoint that is no longer configured is reported and kept for max_age', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const next = snapshots()
  const first = await openLog(disk, {}, { clock })
  first.cursor('old')
  first.cursor('kept')
  first.append(next(1))
  await first.close()
  const { log, lines } = recordingLog()
  const buffer = await openLog(disk, {}, { clock, log })
  buffer.cursor('kept')
  buffer.append(next(2))
  await settled()
  assert.deepEqual(
    lines.filter((line) => line.includes('"endpoint":"old"')),
    [
      'warn Buffer has a backlog for an endpoint that is not configured {"component":"buffer","endpoint":"old","snapshots":1,"hint":"configure an endpoint with this name to deliver them, or drop them with: hostpush buffer drop --endpoint=old"}',
    ],
  )
  assert.equal(buffer.cursors.length, 2)
  await clock.pass(86_400_001)
  buffer.append(next(3))
  await settled()
  assert.deepEqual(
    buffer.cursors.map(({ name }) => name),
    ['kept'],
  )
})
