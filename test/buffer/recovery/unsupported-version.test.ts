import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { openBuffer } from '../../../src/buffer/index.ts'
import { UnsupportedVersion } from '../../../src/buffer/recovery/unsupported-version.ts'
import { segmentName } from '../../../src/buffer/segment/format.ts'
import { bootId, openLog, options, recordingLog, snapshots } from '../../support/buffer.ts'
import { settled, TestClock } from '../../support/clock.ts'
import { SimulatedDisk } from '../../support/simulated-disk.ts'

/** A log of two segments; the second one has this format version, and the first one a corrupt header. */
async function logOfVersion(version: number): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const buffer = await openLog(disk, {}, { clock })
  buffer.cursor('a')
  const next = snapshots()
  for (let i = 1; i <= 2; i++) {
    buffer.append(next(i))
    await settled()
    await clock.pass(3_600_000)
  }
  await buffer.close()
  const after = disk.afterKill()
  const corrupt = Buffer.from(after.bytesOf(`/b/log/${segmentName(1)}`))
  corrupt.writeUInt32LE(0, 60)
  after.put(`/b/log/${segmentName(1)}`, corrupt)
  const second = Buffer.from(after.bytesOf(`/b/log/${segmentName(2)}`))
  second.writeUInt16LE(version, 8)
  second.writeUInt32LE(crc32(second.subarray(0, 60)), 60)
  after.put(`/b/log/${segmentName(2)}`, second)
  return after
}

for (const version of [1, 2, 4, 65_535])
  test(`a log of format version ${version} is refused in one sentence, and nothing in the directory changes`, async () => {
    const disk = await logOfVersion(version)
    const content = () => disk.pathsIn('/b').map((path) => [path, disk.bytesOf(path).toString('hex')])
    const before = content()
    await assert.rejects(openLog(disk), (error: Error) => {
      assert.ok(error instanceof UnsupportedVersion)
      assert.match(error.message, new RegExp(`/b has format version ${version}, this hostpush supports version 3`))
      return true
    })
    assert.deepEqual(content(), before)
    assert.equal(disk.unclosed, 0)
  })

test('an agent with a log of another version logs one error, buffers in memory and leaves the directory as it is', async () => {
  const disk = await logOfVersion(2)
  const content = () => disk.pathsIn('/b/log').map((path) => [path, disk.bytesOf(path).toString('hex')])
  const before = content()
  const { lines, log } = recordingLog()
  const buffer = await openBuffer({ ...options, mode: 'disk' }, { clock: new TestClock(), log, bootId, files: disk })
  const cursor = buffer.cursor('a')
  buffer.append(snapshots()(9))
  assert.equal((await cursor.read({ samples: 100 }, AbortSignal.timeout(10_000))).length, 1)
  assert.equal(buffer.isSafe, false)
  await buffer.close()
  assert.deepEqual(content(), before)
  assert.equal(lines.filter((line) => line.startsWith('error Buffer has an unsupported format version')).length, 1)
})
