import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { diskIn } from '../../../src/buffer/disk/filesystem.ts'
import { DeadLetters } from '../../../src/buffer/log/dead-letters.ts'
import { Quarantine } from '../../../src/buffer/log/quarantine.ts'
import { segmentName } from '../../../src/buffer/segment/format.ts'
import type { BufferStats } from '../../../src/buffer/types.ts'
import { silent } from '../../../src/util/log.ts'
import { snapshots } from '../../support/buffer.ts'
import { TestClock } from '../../support/clock.ts'
import { temporary } from '../../support/servers.ts'

const foreign = ['0', 'notes.txt', '000001700000000-0000000000000001.segment-0.save', 'zz-0000000000000001.segment-0']

/** A directory with files of the user. */
function folderWith(parent: string, name: string): string {
  const folder = join(parent, name)
  mkdirSync(folder)
  for (const file of foreign) writeFileSync(join(folder, file), '')
  return folder
}

function depsIn(directory: string) {
  const stats: BufferStats = {
    ...{ appendedSnapshots: 0, appendedSamples: 0, bytes: 0, diskErrors: 0, corruptRecords: 0, dropped: new Map() },
  }
  return { files: diskIn(directory), clock: new TestClock(), log: silent, stats }
}

test('corrupt/ is limited by deleting only copies of corrupt bytes', async (t) => {
  const directory = temporary(t)
  const folder = folderWith(directory, 'corrupt')
  const quarantine = new Quarantine(folder, depsIn(directory))
  for (let at = 0; at < 40; at++) await quarantine.keep('/b/log/0000000000000001.segment', at, Buffer.from('x'))
  const names = readdirSync(folder)
  assert.equal(names.length, 32 + foreign.length)
  assert.deepEqual(
    foreign.filter((name) => !names.includes(name)),
    [],
  )
  assert.equal(await quarantine.count(), 32)
})

test('dead-letters/ is limited and cleared by deleting only dead letters', async (t) => {
  const directory = temporary(t)
  const folder = folderWith(directory, 'dead-letters')
  const deadLetters = new DeadLetters(folder, depsIn(directory))
  for (let i = 1; i <= 260; i++) writeFileSync(join(folder, segmentName(i)), '')
  await deadLetters.keep('a', { reason: 'no', entries: [{ sequence: 1, snapshot: snapshots()(1) }] })
  assert.equal(readdirSync(folder).length, 256 + foreign.length)
  await deadLetters.clear(undefined, Number.POSITIVE_INFINITY)
  assert.deepEqual(readdirSync(folder).sort(), foreign.toSorted())
})
