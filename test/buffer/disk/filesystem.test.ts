import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { disk } from '../../../src/buffer/disk/filesystem.ts'
import { temporary } from '../../support/servers.ts'

test('a directory is created with its parents and mode 0700; an existing one is not changed', async (t) => {
  const path = join(temporary(t), 'a/b/c')
  await Promise.all([disk.makeDirectory(path), disk.makeDirectory(path)])
  await disk.makeDirectory(`${path}/`)
  assert.equal(statSync(path).mode & 0o777, 0o700)
})

test('a directory that cannot be created is an error, without an endless loop', async (t) => {
  await assert.rejects(disk.makeDirectory('/proc/none/at/all'), { code: 'ENOENT' })
  const file = join(temporary(t), 'file')
  writeFileSync(file, '')
  await assert.rejects(disk.makeDirectory(file), { code: 'EEXIST' })
  await assert.rejects(disk.makeDirectory(join(file, 'a')), { code: 'EEXIST' })
})
