import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { diskIn } from '../../../src/buffer/disk/filesystem.ts'
import { temporary } from '../../support/servers.ts'

test('a directory is created with its parents and mode 0700; an existing one is not changed', async (t) => {
  const folder = temporary(t)
  const disk = diskIn(folder)
  const path = join(folder, 'a/b/c')
  await Promise.all([disk.makeDirectory(path), disk.makeDirectory(path)])
  await disk.makeDirectory(`${path}/`)
  assert.equal(statSync(path).mode & 0o777, 0o700)
})

test('a directory that cannot be created is an error, without an endless loop', async (t) => {
  await assert.rejects(diskIn('/proc/none').makeDirectory('/proc/none/at/all'), { code: 'ENOENT' })
  const folder = temporary(t)
  const disk = diskIn(folder)
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await assert.rejects(disk.makeDirectory(file), { code: 'EEXIST' })
  await assert.rejects(disk.makeDirectory(join(file, 'a')), { code: 'EEXIST' })
})
