import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordBytes } from '../../../src/buffer/cursor/record.ts'
import { headerBytes, recordsOf, recordType, segmentName } from '../../../src/buffer/segment/format.ts'
import { allOf, openLog, recordingLog, signal, snapshots } from '../../support/buffer.ts'
import { settled, TestClock } from '../../support/clock.ts'
import { SimulatedDisk } from '../../support/simulated-disk.ts'

/** A log of `count` snapshots that are not sent. */
async function logOf(count: number, segmentEvery = Number.POSITIVE_INFINITY) {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const buffer = await openLog(disk, {}, { clock })
  buffer.cursor('a')
  const next = snapshots()
  for (let i = 1; i <= count; i++) {
    buffer.append(next(i))
    await settled()
    if (i % segmentEvery === 0) await clock.pass(3_600_000)
  }
  await buffer.close()
  return disk.afterKill()
}

const firstPath = `/b/log/${segmentName(1)}`
const sequencesOf = (lines: readonly string[]) => lines.map((line) => Number(line.split(' ')[0]))
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

/** The outcome of a start: sent snapshots, counted samples, next sequence number. */
async function outcomeOf(disk: SimulatedDisk) {
  const { log, lines } = recordingLog()
  const buffer = await openLog(disk, {}, { log })
  const { uncertain } = buffer.cursor('a')
  const sequences = sequencesOf(await allOf(buffer))
  const damaged = buffer.stats.dropped.get('a')?.get('corrupt') ?? 0
  const next = buffer.append(snapshots()(99))
  return { sequences, damaged, next, uncertain, records: buffer.stats.corruptRecords, lines, buffer }
}

test('a last record that is torn at any byte is truncated, and nothing before it is lost', async () => {
  const disk = await logOf(3)
  const whole = disk.bytesOf(firstPath)
  const last = [...recordsOf(whole, () => {})].at(-1)
  assert.ok(last)
  for (let length = last.at; length < whole.length; length++) {
    const torn = disk.afterKill()
    torn.put(firstPath, whole.subarray(0, length))
    const { sequences, damaged, next, records } = await outcomeOf(torn)
    assert.deepEqual({ sequences, damaged, next, records }, { sequences: [1, 2], damaged: 0, next: 3, records: 0 })
    assert.equal(torn.bytesOf(firstPath).length, last.at)
  }
})

test('one flipped bit in a record loses at most the snapshots up to the next self-contained one', async () => {
  const disk = await logOf(40)
  const whole = disk.bytesOf(firstPath)
  const records = [...recordsOf(whole, () => {})]
  const fifth = records.filter(({ type }) => type === recordType.snapshot)[4]
  assert.ok(fifth)
  for (let bit = 0; bit < fifth.length * 8; bit += 3) {
    const flipped = Buffer.from(whole)
    const at = fifth.at + (bit >> 3)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7))
    const wreck = disk.afterKill()
    wreck.put(firstPath, flipped)
    const { sequences, damaged, next, records: count } = await outcomeOf(wreck)
    assert.deepEqual(sequences, [1, 2, 3, 4, ...upTo(40, 33)], `bit ${bit}`)
    assert.deepEqual([damaged, next, count], [28 * 3, 41, 1])
    assert.equal(wreck.pathsIn('/b/corrupt').length, 1)
  }
})

test('a corrupt declaration loses nothing, because there is a second copy', async () => {
  const disk = await logOf(3)
  const whole = disk.bytesOf(firstPath)
  const declared = [...recordsOf(whole, () => {})].filter(({ type }) => type === recordType.declarations)
  assert.equal(declared.length, 2)
  for (const { at, length } of declared) {
    const flipped = Buffer.from(whole)
    flipped[at + length - 5] = (flipped[at + length - 5] ?? 0) ^ 16
    const wreck = disk.afterKill()
    wreck.put(firstPath, flipped)
    const { sequences, damaged, records } = await outcomeOf(wreck)
    assert.deepEqual({ sequences, damaged, records }, { sequences: [1, 2, 3], damaged: 0, records: 1 })
  }
})

test('one flipped bit in the header of a segment loses nothing', async () => {
  const disk = await logOf(4, 2)
  const whole = disk.bytesOf(firstPath)
  for (let bit = 0; bit < headerBytes * 8; bit++) {
    const flipped = Buffer.from(whole)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const wreck = disk.afterKill()
    wreck.put(firstPath, flipped)
    const { sequences, damaged, next } = await outcomeOf(wreck)
    assert.deepEqual({ sequences, damaged, next }, { sequences: [1, 2, 3, 4], damaged: 0, next: 5 }, `bit ${bit}`)
  }
})

test('after one flipped bit in a cursor slot the other slot is used, and later snapshots are uncertain', async () => {
  const disk = await logOf(4)
  const buffer = await openLog(disk)
  const cursor = buffer.cursor('a')
  for (const sequence of [1, 2]) {
    await cursor.read({ samples: 1 }, signal)
    await cursor.markInFlight({ first: sequence, last: sequence, note: 'n' })
    await cursor.commit(sequence)
  }
  const bytes = disk.bytesOf('/b/cursors')
  for (const slot of [0, 1])
    for (let bit = 0; bit < 72 * 8; bit += 5) {
      const flipped = Buffer.from(bytes)
      const at = slot * recordBytes + (bit >> 3)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7))
      const wreck = disk.afterKill()
      wreck.put('/b/cursors', flipped)
      const { sequences, damaged, next, uncertain } = await outcomeOf(wreck)
      assert.deepEqual([damaged, next, uncertain], [0, 5, 4])
      assert.ok(sequences.at(-1) === 4 && (sequences[0] ?? 9) <= 3, `${slot} ${bit}: ${sequences}`)
    }
})

test('if the cursors are corrupt or missing, delivery starts with the oldest snapshot, marked uncertain, with a warning', async () => {
  // a kill just after the creation of the file leaves it empty or full of zeros
  for (const garbage of [Buffer.alloc(32768, 0xa5), undefined, Buffer.alloc(0), Buffer.alloc(32768)]) {
    const disk = await logOf(3)
    const wreck = disk.afterKill()
    if (garbage) wreck.put('/b/cursors', garbage)
    else wreck.names.delete('/b/cursors')
    const { sequences, uncertain, lines } = await outcomeOf(wreck)
    assert.deepEqual({ sequences, uncertain }, { sequences: [1, 2, 3], uncertain: 3 })
    assert.equal(lines.filter((line) => line.includes('Cursor is corrupt or missing')).length, 1)
  }
})

test('a reader that opens and closes the log changes nothing, even if the cursors are missing', async () => {
  const disk = (await logOf(3)).afterKill()
  disk.names.delete('/b/cursors')
  await (await openLog(disk)).close()
  assert.ok(!disk.names.has('/b/cursors'))
  assert.deepEqual((await outcomeOf(disk)).sequences, [1, 2, 3])
})

test('the samples of a missing segment are counted exactly, and the rest is delivered', async () => {
  const disk = await logOf(6, 2)
  assert.equal(disk.pathsIn('/b/log').length, 3)
  disk.names.delete(`/b/log/${segmentName(3)}`)
  const { sequences, damaged, next } = await outcomeOf(disk)
  assert.deepEqual({ sequences, damaged, next }, { sequences: [1, 2, 5, 6], damaged: 6, next: 7 })
})

test('a segment of garbage is moved to corrupt/', async () => {
  const disk = await logOf(4, 2)
  disk.put(`/b/log/${segmentName(5)}`, Buffer.alloc(5000, 0x5a))
  const { sequences, next, records } = await outcomeOf(disk)
  assert.deepEqual({ sequences, next, records }, { sequences: [1, 2, 3, 4], next: 5, records: 1 })
  assert.equal(disk.pathsIn('/b/corrupt').length, 1)
})

test('an unreadable segment is retried twice, a minute apart, and then skipped, counted and logged', async () => {
  for (const failures of [2, 3]) {
    const disk = await logOf(6, 2)
    const clock = new TestClock()
    const { log, lines } = recordingLog()
    const buffer = await openLog(disk, {}, { log, clock })
    buffer.cursor('a')
    let left = failures
    disk.fault = (operation, path) =>
      operation === 'open' && path.endsWith('3.segment') && left-- > 0 ? 'EIO' : undefined
    const reading = allOf(buffer)
    for (let minute = 0; minute < 3; minute++) await clock.pass(60_000)
    assert.deepEqual(sequencesOf(await reading), failures < 3 ? [1, 2, 3, 4, 5, 6] : [1, 2, 5, 6])
    assert.equal(buffer.stats.dropped.get('a')?.get('corrupt'), failures < 3 ? undefined : 6)
    assert.equal(lines.filter((line) => line.includes('Reading a buffer segment failed, skipped')).length, failures - 2)
  }
})

test('an empty last segment, after a full disk, is ignored', async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(headerBytes)]) {
    const disk = await logOf(2)
    disk.put(`/b/log/${segmentName(3)}`, bytes)
    const { sequences, next } = await outcomeOf(disk)
    assert.deepEqual({ sequences, next }, { sequences: [1, 2], next: 3 })
  }
})
