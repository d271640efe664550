import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from '../../src/collector.ts'
import filesystem from '../../src/collectors/filesystem.ts'
import { Dir } from '../../src/host/fs/dir.ts'
import { type StatfsAnswer, timedOut } from '../../src/host/syscall/statfs.ts'
import type { Family } from '../../src/metrics/family.ts'
import { answers, collect, collectAll, collecting, valuesOf } from '../support/collect.ts'
import { textFiles } from '../support/tree.ts'

const usage: StatfsAnswer = { blockBytes: 4096, blocks: 1000, free: 600, available: 500, files: 20, filesFree: 10 }
const root = '29 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro'
const proc = (...rows: string[]) => ({ '1/mountinfo': rows.map((row) => `${row}\n`).join('') })
const given = (rows: string[], byPath: Record<string, StatfsAnswer> = {}, options: Record<string, unknown> = {}) => ({
  proc: proc(...rows),
  statfs: answers({ '/': usage, ...byPath }),
  options,
})
/** The reported mount points, with their errors. */
const mountpoints = async (...how: Parameters<typeof given>) =>
  (await collect(filesystem, given(...how))).flatMap((line) => {
    const [, error = '', mountpoint] =
      /^node_filesystem_device_error\{.*error="(.*?)".*mountpoint="(.*)"/.exec(line) ?? []
    return mountpoint === undefined ? [] : [error === '' ? mountpoint : `${mountpoint}: ${error}`]
  })

test('it reports sizes in bytes, with blocks of f_bsize', async () => {
  const labels = '{device="/dev/nvme0n1p2",device_error="",fstype="ext4",mountpoint="/"}'
  assert.deepEqual(await collect(filesystem, given([root])), [
    `node_filesystem_avail_bytes${labels} 2.048e+06`,
    `node_filesystem_device_error${labels} 0`,
    `node_filesystem_files${labels} 20`,
    `node_filesystem_files_free${labels} 10`,
    `node_filesystem_free_bytes${labels} 2.4576e+06`,
    'node_filesystem_mount_info{device="/dev/nvme0n1p2",major="259",minor="2",mountpoint="/"} 1',
    `node_filesystem_purgeable_bytes${labels} 0`,
    `node_filesystem_readonly${labels} 0`,
    `node_filesystem_size_bytes${labels} 4.096e+06`,
  ])
})

test('a mount that statfs cannot read reports an error and its mount options', async () => {
  const row = '31 29 0:40 / /srv ro,relatime - nfs4 server:/srv rw,vers=4.2'
  const labels = '{device="server:/srv",device_error="stale NFS file handle",fstype="nfs4",mountpoint="/srv"}'
  assert.deepEqual(await collect(filesystem, given([row], { '/srv': { error: 'stale NFS file handle' } })), [
    `node_filesystem_device_error${labels} 1`,
    `node_filesystem_readonly${labels} 1`,
  ])
})

test('a mount that does not answer reports its name and an error, without other values', async () => {
  const row = '31 29 0:40 / /srv ro,relatime - nfs4 server:/srv ro'
  const { lines, logged, success } = await collectAll(filesystem, given([row], { '/srv': timedOut }))
  const labels = '{device="server:/srv",device_error="mountpoint timeout",fstype="nfs4",mountpoint="/srv"}'
  assert.deepEqual(lines, [`node_filesystem_device_error${labels} 1`, `node_filesystem_readonly${labels} 0`])
  assert.match(logged.join(), /\/srv does not answer/)
  assert.equal(success, true)
})

test('a problem of statfs is logged and does not hide the results', async () => {
  const rows = [root, '31 29 0:40 / /srv rw - nfs4 server:/srv rw']
  const { lines, logged } = await collectAll(filesystem, {
    proc: proc(...rows),
    statfs: answers({ '/': usage }, 'no shell'),
  })
  assert.match(logged.join(), /no shell/)
  assert.equal(lines.length, 11)
})

test('local disks are read in this process, other mounts by a child; only the first interval waits longer', async () => {
  const asked: string[] = []
  const statfs = {
    here: (path: string) => {
      asked.push(`here ${path}`)
      return usage
    },
    async *apart(paths: readonly string[], { waitMs, timeoutMs }: { waitMs: number; timeoutMs: number }) {
      asked.push(`apart ${paths} ${waitMs} ${timeoutMs}`)
      for (const path of paths) yield [path, usage] as const
    },
    problem: undefined,
  }
  const rows = [
    root,
    '31 29 0:40 / /n rw - nfs4 server:/srv rw',
    '32 31 8:1 / /n/disk rw - xfs /dev/sda1 rw',
    '33 29 0:41 / /tmp rw - tmpfs tmpfs rw',
    '34 29 0:42 / /s rw - fuse.sshfs host: rw',
  ]
  const run = collecting(filesystem, { proc: proc(...rows), statfs, options: { 'mount-timeout': 3000 } })
  assert.equal((await run()).lines.length, 45)
  assert.deepEqual(asked.splice(0), ['here /', 'here /tmp', 'apart /n,/n/disk,/s 3000 3000'])
  await run()
  assert.deepEqual(asked.splice(0), ['here /', 'here /tmp', 'apart /n,/n/disk,/s 100 3000'])
})

test('a mount is read-only by its mount options, its file system options or emergency_ro', async () => {
  const rows = ['rw - ext4 /dev/a rw', 'ro - ext4 /dev/b rw', 'rw - ext4 /dev/c ro', 'rw - ext4 /dev/d rw,emergency_ro']
  const lines = await collect(filesystem, given(rows.map((row, i) => `3${i} 29 8:${i} / / ${row}`)))
  const values = lines.filter((line) => line.startsWith('node_filesystem_readonly'))
  assert.deepEqual(
    values.map((line) => line.replace(/.*device="(.*?)".* /, '$1 ')),
    ['/dev/a 0', '/dev/b 1', '/dev/c 1', '/dev/d 1'],
  )
})

test('kernel file systems and container mounts are excluded by default', async () => {
  const rows = [
    root,
    '30 29 0:22 / /sys rw - sysfs sysfs rw',
    '31 29 0:5 / /dev/shm rw - tmpfs tmpfs rw',
    '32 29 0:50 / /var/lib/docker/overlay2/x/merged rw - ext4 overlay rw',
    '33 29 0:51 / /snap/x ro - squashfs /dev/loop1 ro',
    '34 29 0:52 / /development rw - ext4 /dev/sdb1 rw',
  ]
  const all = Object.fromEntries(rows.map((row) => [row.split(' ')[4] ?? '', usage]))
  assert.deepEqual(await mountpoints(rows, all), ['/', '/development'])
  assert.deepEqual(await mountpoints(rows, all, { 'mount-points-exclude': '^/$' }), [
    '/development',
    '/var/lib/docker/overlay2/x/merged',
    '/dev/shm',
  ])
  assert.deepEqual(await mountpoints(rows, all, { 'mount-points-include': '^/dev' }), ['/development', '/dev/shm'])
  assert.deepEqual(await mountpoints(rows, all, { 'fs-types-include': '^squashfs$' }), ['/snap/x'])
  assert.deepEqual(await mountpoints(rows, all, { 'ignored-fs-types': '^ext4$' }), ['/snap/x'])
})

test('exclude and include together, or exclude and its former name, are an error', async () => {
  const both = { 'mount-points-include': 'a', 'mount-points-exclude': 'b' }
  await assert.rejects(async () => collect(filesystem, given([root], {}, both)), /include and exclude/)
  const twice = { 'ignored-mount-points': 'a', 'mount-points-exclude': 'b' }
  await assert.rejects(
    async () => collect(filesystem, given([root], {}, twice)),
    /mount-points-exclude and ignored-mount-points/,
  )
})

test('labels decode blanks and tabs only, as in node_exporter; the path for statfs has every byte', async () => {
  const rows = ['/a\\040b\\011c', '/d\\012e\\134f', '/g\\043'].map(
    (at) => `31 29 8:1 / ${at} rw - ext4 /dev/sd\\040a rw`,
  )
  const lines = await collect(filesystem, given(rows, { '/a b\tc': usage }))
  assert.ok(
    lines.includes('node_filesystem_mount_info{device="/dev/sd\\\\040a",major="8",minor="1",mountpoint="/a b\tc"} 1'),
  )
  assert.deepEqual(await mountpoints(rows, { '/a b\tc': usage, '/d\ne\\f': usage, '/g#': usage }), [
    '/a b\tc',
    '/d\\\\012e\\\\134f',
    '/g\\\\043',
  ])
})

test('a mount point that is not UTF-8 is read, and its label has U+FFFD', async () => {
  const row = '31 29 8:1 / /cass\u00e9 rw - ext4 /dev/sda rw\n'
  const mounts = { '1/mountinfo': Buffer.from(row, 'latin1') }
  const lines = await collect(filesystem, { proc: mounts, statfs: answers({ '/cass\udce9': usage }) })
  assert.equal(lines.length, 9)
  assert.ok(
    lines.includes('node_filesystem_mount_info{device="/dev/sda",major="8",minor="1",mountpoint="/cass\ufffd"} 1'),
  )
})

test('a bind mount is reported; a repeated mount is reported once, with its first device numbers', async () => {
  const rows = [
    root,
    '31 29 259:2 /home /bind rw - ext4 /dev/nvme0n1p2 rw',
    '32 29 259:2 /home /bind ro - ext4 /dev/nvme0n1p2 rw',
    '33 29 259:9 / /bind ro - ext4 /dev/nvme0n1p2 rw',
  ]
  const { lines, logged } = await collectAll(filesystem, given(rows, { '/bind': usage }))
  assert.deepEqual(logged, [])
  assert.deepEqual(
    lines.filter((line) => /bind/.test(line) && /readonly|info/.test(line)),
    [
      'node_filesystem_mount_info{device="/dev/nvme0n1p2",major="259",minor="2",mountpoint="/bind"} 1',
      'node_filesystem_mount_info{device="/dev/nvme0n1p2",major="259",minor="9",mountpoint="/bind"} 1',
      'node_filesystem_readonly{device="/dev/nvme0n1p2",device_error="",fstype="ext4",mountpoint="/bind"} 0',
    ],
  )
})

test('if process 1 is hidden the mounts of this process are reported', async () => {
  const lines = await collect(filesystem, { proc: { 'self/mountinfo': `${root}\n` }, statfs: answers({ '/': usage }) })
  assert.equal(lines.length, 9)
})

test('a missing or invalid mountinfo is a failure', async () => {
  assert.equal((await collectAll(filesystem)).success, false)
  for (const row of ['garbage', root.slice(0, 30)]) {
    const { lines, success, logged } = await collectAll(filesystem, given([root, row]))
    assert.deepEqual([lines, success], [[], false])
    assert.match(logged.join(), /is not a mount/)
  }
})

test('the path of another root is removed from mount points and added again for statfs', async () => {
  const rows = [
    '31 29 8:1 / /host rw - ext4 a rw',
    '32 29 8:2 / /host/var rw - ext4 b rw',
    '33 29 8:3 / /hostile rw - ext4 c rw',
  ]
  const asked: string[] = []
  const shown: string[] = []
  const options = valuesOf(filesystem.options)
  const context = {
    proc: new Dir(textFiles(proc(...rows)), ''),
    rootfs: new Dir(textFiles({}), '/host'),
    statfs: { ...answers({}), here: (path: string) => (asked.push(path) ? usage : timedOut) },
    emit: (family: Family, _: number, labels: Record<string, string>) =>
      family.name.endsWith('_info') && shown.push(`${labels.device} ${labels.mountpoint}`),
    options,
    state: filesystem.state(options),
  }
  await filesystem.collect(context as unknown as Context)
  assert.deepEqual(shown, ['a /', 'b /var', 'c ile'])
  assert.deepEqual(asked, ['/host/', '/host/var', '/host/ile'])
})
