import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { diskIn, type Mode, opened } from '../../../src/buffer/disk/filesystem.ts'
import { foreignOwnerOf } from '../../../src/buffer/disk/owner.ts'
import { removeDirectory } from '../../../src/buffer/disk/safe-path.ts'
import { enterQueue } from '../../../src/buffer/lock/fifo-queue.ts'
import { systemClock } from '../../../src/util/clock.ts'
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

/** A buffer directory, and a file and a directory outside of it. */
function placeOf(t: TestContext) {
  const folder = temporary(t)
  const [directory, outside] = [join(folder, 'buffer'), join(folder, 'outside')]
  for (const path of [directory, outside]) mkdirSync(path)
  writeFileSync(join(outside, 'file'), 'kept')
  return { directory, outside, disk: diskIn(directory) }
}

test('a file that is a link, has a second hard link or is a FIFO is refused in every mode, and not truncated', async (t) => {
  const { directory, outside, disk } = placeOf(t)
  symlinkSync(join(outside, 'file'), join(directory, 'link'))
  linkSync(join(outside, 'file'), join(directory, 'hard'))
  execFileSync('mkfifo', [join(directory, 'fifo')])
  for (const [name, code] of [
    ['link', 'ELOOP'],
    ['hard', 'EMLINK'],
    ['fifo', 'EINVAL'],
  ] as const)
    for (const mode of ['read', 'create', 'update'] satisfies Mode[])
      await assert.rejects(disk.open(join(directory, name), mode), { code, path: join(directory, name) })
  assert.equal(readFileSync(join(outside, 'file'), 'utf8'), 'kept')
})

test('a linked subdirectory is refused by name, whatever is done in it', async (t) => {
  const { directory, outside, disk } = placeOf(t)
  symlinkSync(outside, join(directory, 'log'))
  mkdirSync(join(outside, 'below'))
  const paths = ['log', 'log/below'].map((name) => join(directory, name))
  for (const path of paths)
    for (const work of [
      () => disk.open(join(path, 'file'), 'read'),
      () => disk.open(join(path, 'new'), 'create'),
      () => disk.remove(join(path, 'file')),
      () => disk.rename(join(path, 'file'), join(directory, 'file')),
      () => disk.list(path),
      () => disk.makeDirectory(path),
      () => disk.makeDirectory(join(path, 'new')),
      () => removeDirectory(directory, path),
      () => enterQueue(join(path, 'queue'), { clock: systemClock, root: directory }, ['']),
    ])
      await assert.rejects(work, /ELOOP: \S+\/buffer\/log\S* is a symbolic link/)
  assert.deepEqual(readdirSync(outside).sort(), ['below', 'file'])
})

test('a buffer directory that is itself a link, or behind one, is used, and may be moved meanwhile', async (t) => {
  const { directory, outside } = placeOf(t)
  const link = join(outside, 'link')
  symlinkSync(directory, link)
  const disk = diskIn(link)
  await disk.makeDirectory(join(link, 'log'))
  await opened(disk, join(link, 'log/a'), 'create', (file) => file.write(Buffer.from('1'), 0))
  renameSync(directory, join(outside, 'moved'))
  rmSync(link)
  symlinkSync(join(outside, 'moved'), link)
  assert.deepEqual(await disk.list(join(link, 'log')), ['a'])
})

test('a directory is deleted with its content, and a link in it is not followed', async (t) => {
  const { directory, outside } = placeOf(t)
  mkdirSync(join(directory, 'run/log'), { recursive: true })
  writeFileSync(join(directory, 'run/log/1'), '')
  symlinkSync(outside, join(directory, 'run/log/link'))
  await removeDirectory(directory, join(directory, 'run'))
  assert.deepEqual([readdirSync(directory), readdirSync(outside)], [[], ['file']])
})

test('root does not use a directory that another user created since it was checked', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can work for another user')
  const folder = temporary(t)
  const directory = join(folder, 'buffer')
  mkdirSync(directory)
  chownSync(directory, 65_534, 65_534)
  await assert.rejects(diskIn(directory).makeDirectory(join(directory, 'log')), /EPERM: .* belongs to another user/)
  symlinkSync('/', join(folder, 'link'))
  lchownSync(join(folder, 'link'), 65_534, 65_534)
  await assert.rejects(
    diskIn(join(folder, 'link')).makeDirectory(join(folder, 'link')),
    /EPERM: .* belongs to another user/,
  )
})

test('the user who controls a directory is its owner, or the owner of a parent or link on the way', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root may work for another user')
  const folder = temporary(t)
  const uidOf = async (path: string) => (await foreignOwnerOf(join(folder, path)))?.uid
  for (const path of ['roots', 'others', 'others/roots', 'third']) mkdirSync(join(folder, path))
  chownSync(join(folder, 'others'), 1234, 0)
  chownSync(join(folder, 'third'), 1235, 1236)
  symlinkSync(join(folder, 'roots'), join(folder, 'link'))
  assert.deepEqual(await Promise.all(['roots', 'missing', 'link'].map(uidOf)), [undefined, undefined, undefined])
  lchownSync(join(folder, 'link'), 1237, 1237)
  symlinkSync(join(folder, 'others/roots'), join(folder, 'through'))
  const cases = {
    others: 1234,
    'others/missing/a': 1234,
    'others/roots': 1234,
    link: 1237,
    'link/missing': 1237,
    through: 1234,
  }
  for (const [path, uid] of Object.entries(cases)) assert.equal(await uidOf(path), uid, path)
  assert.deepEqual(await foreignOwnerOf(join(folder, 'third')), { uid: 1235, gid: 1236 })
  assert.equal((await foreignOwnerOf(join(folder, 'others')))?.gid, 1234, "not root's group")
})
