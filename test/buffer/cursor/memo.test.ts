import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLog, signal, snapshots } from '../../support/buffer.ts'
import { SimulatedDisk } from '../../support/simulated-disk.ts'

test('a memo is durable with the next request, survives a kill, and is deleted with its endpoint', async () => {
  const disk = new SimulatedDisk()
  const buffer = await openLog(disk)
  const cursor = buffer.cursor('a')
  assert.equal(cursor.memo, '')
  buffer.append(snapshots()(1))
  await cursor.read({ samples: 1 }, signal)
  await cursor.remember('speaks klingon')
  await cursor.markInFlight({ first: 1, last: 1, note: 'a note' })
  const again = await openLog(disk.afterPowerLoss(() => 0))
  const after = again.cursor('a')
  assert.deepEqual([after.memo, after.inFlight?.note], ['speaks klingon', 'a note'])
  assert.equal(again.cursor('b').memo, '')
  await buffer.close()
})
