import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dir } from '../../../src/host/fs/dir.ts'
import { pathBytes } from '../../../src/host/fs/text.ts'
import { hangable, mountsOf, parseMountinfo, unescapeMount } from '../../../src/host/parse/mounts.ts'
import { type Tree, textFiles } from '../../support/tree.ts'

const mount = (mountpoint: string, fstype: string) => `31 29 0:27 / ${mountpoint} rw - ${fstype} source rw`
const hanging = (...rows: string[]) => {
  const mounts = parseMountinfo(rows.join('\n'))
  return mounts.filter(hangable(mounts)).map((one) => `${one.fstype} ${one.mountpoint}`)
}

test('optional fields before the separator may be none, one or many', () => {
  for (const optional of ['', ' shared:7', ' shared:7 master:1 propagate_from:2 unbindable'])
    assert.deepEqual(parseMountinfo(`48 45 8:3 / /boot rw,relatime${optional} - ext2 /dev/sda3 rw,errors=panic\n`), [
      {
        major: '8',
        minor: '3',
        mountpoint: '/boot',
        path: '/boot',
        options: ['rw', 'relatime'],
        fstype: 'ext2',
        source: '/dev/sda3',
        superOptions: ['rw', 'errors=panic'],
      },
    ])
})

test('a source may be empty', () => {
  assert.equal(parseMountinfo('48 45 0:9 / /x rw - tmpfs  rw\n')[0]?.source, '')
})

test('a truncated or invalid line is an error that shows it', () => {
  for (const line of [
    'garbage',
    '',
    '48 45 8:3 / /boot rw - ext2',
    '48 45 83 / /boot rw - ext2 /dev/sda3 rw',
    '48 45 8:3',
  ])
    assert.throws(() => parseMountinfo(`${mount('/', 'ext4')}\n${line}\n`), /^Error: mountinfo: ".*" is not a mount$/)
})

test('only blanks and tabs are unescaped', () => {
  assert.equal(unescapeMount('/a\\040b\\011c\\012d\\134e'), '/a b\tc\\012d\\134e')
})

test('the path of a mount has every byte of its name, the label is as node_exporter has it', () => {
  const row = Buffer.from('31 29 0:27 / /a\\040b\\011c\\012d\\134e\\043f-X-\u00e9 rw - ext4 /dev/\\040X rw\n')
  // Two bytes that are not UTF-8 at each X.
  const bytes = Buffer.concat(
    row
      .toString('latin1')
      .split('X')
      .flatMap((part, i) => [i > 0 ? Buffer.of(0xff, 0xe9) : Buffer.of(), Buffer.from(part, 'latin1')]),
  )
  const [mount] = mountsOf(new Dir(textFiles({ '1/mountinfo': bytes }), ''))
  assert.equal(unescapeMount(mount?.mountpoint ?? ''), '/a b\tc\\012d\\134e\\043f-\ufffd-\u00e9')
  assert.equal(mount?.source, '/dev/\\040\ufffd')
  const wanted = Buffer.concat([Buffer.from('/a b\tc\nd\\e#f-'), Buffer.of(0xff, 0xe9), Buffer.from('-\u00e9')])
  assert.deepEqual(pathBytes(mount?.path ?? ''), wanted)
})

test('mounts are those of process 1, or of this process if process 1 is hidden', () => {
  const mountpoints = (proc: Tree) => mountsOf(new Dir(textFiles(proc), '')).map(({ mountpoint }) => mountpoint)
  const self = { 'self/mountinfo': mount('/own', 'ext4') }
  assert.deepEqual(mountpoints({ ...self, '1/mountinfo': mount('/host', 'ext4') }), ['/host'])
  assert.deepEqual(mountpoints(self), ['/own'])
  assert.deepEqual(mountpoints({ ...self, '1/mountinfo': { error: 'EACCES' } }), ['/own'])
  assert.throws(() => mountpoints({ ...self, '1/mountinfo': { error: 'EIO' } }), /EIO/)
  assert.throws(() => mountpoints({}), /ENOENT/)
})

test('network and FUSE file systems may hang, disks and memory do not', () => {
  assert.deepEqual(
    hanging(
      mount('/', 'ext4'),
      mount('/run', 'tmpfs'),
      mount('/n', 'nfs4'),
      mount('/f', 'fuse.sshfs'),
      mount('/c', 'cifs'),
    ),
    ['nfs4 /n', 'fuse.sshfs /f', 'cifs /c'],
  )
})

test('a disk mounted at or below a remote mount may hang too: its path contains the remote mount', () => {
  assert.deepEqual(
    hanging(
      mount('/', 'ext4'),
      mount('/n', 'nfs'),
      mount('/n/a/b', 'xfs'),
      mount('/n', 'tmpfs'),
      mount('/next', 'xfs'),
    ),
    ['nfs /n', 'xfs /n/a/b', 'tmpfs /n'],
  )
  assert.deepEqual(hanging(mount('/', '9p'), mount('/boot', 'vfat')), ['9p /', 'vfat /boot'])
})
