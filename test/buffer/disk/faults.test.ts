import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentName } from '../../../src/buffer/segment/format.ts'
import { allOf, openLog, recordingLog, signal, snapshots } from '../../support/buffer.ts'
import { settled, TestClock } from '../../support/clock.ts'
import { SimulatedDisk } from '../../support/simulated-disk.ts'

const sequencesOf = (lines: readonly string[]) => lines.map((line) => Number(line.split(' ')[0]))
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

async function startBuffer() {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const { log, lines } = recordingLog()
  const buffer = await openLog(disk, {}, { clock, log })
  const cursor = buffer.cursor('a')
  const next = snapshots()
  const append = async (from: number, to: number) => {
    for (let i = from; i <= to; i++) {
      buffer.append(next(i))
      await settled()
    }
  }
  await append(1, 3)
  const reported = () => lines.filter((line) => line.includes('buffering in memory') || line.includes('disk recovered'))
  return { disk, clock, buffer, cursor, append, reported, lines }
}

for (const [code, operation] of [
  ['ENOSPC', 'write'],
  ['EIO', 'datasync'],
  ['EROFS', 'open'],
] as const)
  test(`${code} at ${operation}: logged once, sent from memory, retried each minute, written in order after the recovery`, async () => {
    const { disk, clock, buffer, cursor, append, reported } = await startBuffer()
    let tries = 0
    disk.fault = (op, path) => {
      if (op !== operation || !path.includes('/log/')) return undefined
      tries++
      return code
    }
    // only a new segment is opened
    await clock.pass(3_600_000)
    await append(4, 6)
    assert.equal(reported().length, 1)
    assert.match(reported()[0] ?? '', /"hint":".*buffer\./)
    assert.deepEqual(
      (await cursor.read({ samples: 99 }, signal)).map(({ sequence }) => sequence),
      upTo(6),
    )
    const before = tries
    const unclosed = disk.unclosed
    for (let i = 7; i <= 16; i++) {
      await append(i, i)
      await clock.pass(15_000)
    }
    assert.ok(tries > before && tries - before <= 3, `${tries - before} tries in 150 s`)
    assert.equal(disk.unclosed, unclosed, 'a descriptor that nobody closes ends the process')
    disk.fault = () => undefined
    await clock.pass(60_000)
    await append(17, 17)
    assert.equal(reported().length, 2)
    const again = await openLog(disk.afterPowerLoss(() => 0.6))
    assert.deepEqual(sequencesOf(await allOf(again)), upTo(17))
    assert.deepEqual([...again.stats.dropped, ...buffer.stats.dropped], [])
  })

test('after one failed sync everything that is not durable is written to a new segment, and the sender is not affected', async () => {
  const { disk, buffer, append, reported } = await startBuffer()
  let once = true
  disk.fault = (operation, path) => {
    if (operation !== 'datasync' || !path.includes('/log/') || !once) return undefined
    once = false
    return 'EIO'
  }
  await append(4, 6)
  assert.deepEqual(disk.pathsIn('/b/log'), [`/b/log/${segmentName(1)}`, `/b/log/${segmentName(4)}`])
  assert.deepEqual([reported(), buffer.stats.diskErrors], [[], 1])
  assert.deepEqual(sequencesOf(await allOf(await openLog(disk.afterKill()))), upTo(6))
})

test('below min_free nothing is written and nothing is deleted', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const buffer = await openLog(disk, { minFreeBytes: 1000 }, { clock })
  const cursor = buffer.cursor('a')
  const next = snapshots()
  buffer.append(next(1))
  await settled()
  const bytes = buffer.stats.bytes
  disk.free = 999
  await clock.pass(60_000)
  buffer.append(next(2))
  await settled()
  assert.equal(buffer.stats.bytes, bytes)
  assert.match(buffer.problem ?? '', /999 bytes are free .* buffer.min_free is 1000/)
  assert.equal((await cursor.read({ samples: 99 }, signal)).length, 2)
  disk.free = 5000
  await clock.pass(60_000)
  assert.equal(buffer.problem, undefined)
  assert.ok(buffer.stats.bytes > bytes)
})

test('snapshots that exceed the memory while the disk fails are lost, counted exactly once and logged once', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const { log, lines } = recordingLog()
  const buffer = await openLog(disk, {}, { clock, log })
  const cursor = buffer.cursor('a')
  const next = snapshots(100_000)
  buffer.append(next(1))
  await settled()
  disk.fault = (operation) => (operation === 'write' ? 'ENOSPC' : undefined)
  for (let i = 2; i <= 20; i++) buffer.append(next(i))
  await settled()
  const lost = buffer.stats.dropped.get('a')?.get('disk_failed') ?? 0
  assert.ok(lost > 0 && lost % 100_000 === 0)
  disk.fault = () => undefined
  await clock.pass(60_000)
  await settled()
  const drops = lines.filter((line) => line.includes('dropped'))
  assert.equal(drops.length, 2)
  assert.match(drops[0] ?? '', /^error Buffer memory is full while the disk is not writable, .*"samples":100000[,}]/)
  assert.match(drops[1] ?? '', new RegExp(`^info Buffer disk recovered .*"dropped":${lost}[,}]`))
  const left = cursor.backlog().snapshots
  assert.equal(left, 20)
  const sequences = sequencesOf(await allOf(buffer))
  assert.equal(sequences.length, 20 - lost / 100_000)
  assert.deepEqual([...(buffer.stats.dropped.get('a') ?? [])], [['disk_failed', lost]])
  const again = await openLog(disk.afterKill())
  await allOf(again)
  assert.equal(again.stats.dropped.get('a'), undefined)
})

for (const [when, laterMs] of [
  ['while running', 0],
  ['just before a new segment is created', 3_600_000],
] as const)
  test(`a directory that is removed ${when} is created again, with the snapshots in memory`, async () => {
    const { disk, buffer, cursor, append, clock, lines } = await startBuffer()
    await append(4, 6)
    await cursor.commit((await cursor.read({ samples: 6 }, signal)).at(-1)?.sequence ?? 0)
    disk.removeAll()
    await clock.pass(laterMs)
    await append(7, 8)
    await cursor.markInFlight({ first: 3, last: 3, note: '' })
    assert.equal(lines.filter((line) => line.includes('buffer directory was removed')).length, 1)
    const again = await openLog(disk.afterPowerLoss(() => 0.6))
    assert.deepEqual(sequencesOf(await allOf(again)), upTo(8, 3))
    assert.deepEqual([...again.stats.dropped, ...buffer.stats.dropped], [])
  })

test('if the disk fails from the start on, snapshots are sent from memory', async () => {
  const disk = new SimulatedDisk()
  disk.fault = () => 'EROFS'
  const buffer = await openLog(disk)
  const cursor = buffer.cursor('a')
  const next = snapshots()
  for (let i = 1; i <= 3; i++) buffer.append(next(i))
  const entries = await cursor.read({ samples: 9 }, signal)
  await cursor.markInFlight({ first: 1, last: 3, note: '' })
  await cursor.commit(3)
  assert.equal(entries.length, 3)
  assert.equal(cursor.backlog().snapshots, 0)
  await buffer.close()
})

test('rejected samples are saved with the message of the receiver, and the oldest are deleted first', async () => {
  const { buffer, cursor } = await startBuffer()
  const entries = await cursor.read({ samples: 9 }, signal)
  const [, second] = entries[0]?.snapshot.series ?? []
  assert.ok(second)
  await cursor.saveDeadLetter({ reason: 'out of bounds', entries, series: new Set([second]) })
  const kept = await Array.fromAsync(buffer.deadLetters.read())
  assert.deepEqual(
    kept.map(({ refusal: { endpoint, reason, snapshots: count, samples } }) => [endpoint, reason, count, samples]),
    [['a', 'out of bounds', 3, 3]],
  )
  assert.deepEqual(
    kept[0]?.entries.map(({ snapshot }) => snapshot.values[0]),
    [1.001, 2.001, 3.001],
  )
})
