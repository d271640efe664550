import assert from 'node:assert/strict'
import { test } from 'node:test'
import btrfs, { allocationRatio } from '../../src/collectors/btrfs.ts'
import { collect, collectAll } from '../support/collect.ts'
import type { Tree } from '../support/tree.ts'

const id = '0abb23a9-579b'
const at = (files: Record<string, string>, of = id): Tree =>
  Object.fromEntries(Object.entries(files).map(([file, text]) => [`fs/btrfs/${of}/${file}`, text]))
const sys = {
  ...at({
    label: 'fixture\n',
    metadata_uuid: 'the-metadata-uuid\n',
    commit_stats: 'commits 258051\nlast_commit_ms 1000\nmax_commit_ms 51462\ntotal_commit_ms 47836090\n',
    'allocation/global_rsv_size': '16777216\n',
    'allocation/data/bytes_reserved': '7\n',
    'allocation/data/bytes_used': '5\n',
    'allocation/data/raid5/total_bytes': '2147483648\n',
    'allocation/data/raid5/used_bytes': '808189952\n',
    'devices/sda/size': '20971520\n',
    'devices/sdb/size': '20971520\n',
    'devices/sdc/size': '1\n',
  }),
  'fs/btrfs/features/raid56': '0\n',
}
const proc = {
  '1/mountinfo': '30 1 0:39 / /data rw - btrfs /dev/sda rw,subvol=/\n31 1 0:40 /s /sub rw - btrfs /dev/sda rw\n',
}
const system = [
  'node_btrfs_allocation_ratio{block_group_type="data",mode="raid5",uuid="the-metadata-uuid"} 1.5',
  'node_btrfs_commit_seconds_total{uuid="the-metadata-uuid"} 47836.09',
  'node_btrfs_commits_total{uuid="the-metadata-uuid"} 258051',
]

test('without system calls all values come from sysfs', async () => {
  assert.deepEqual(await collect(btrfs, { sys, proc }), [
    ...system,
    'node_btrfs_device_size_bytes{device="sda",uuid="the-metadata-uuid"} 1.073741824e+10',
    'node_btrfs_device_size_bytes{device="sdb",uuid="the-metadata-uuid"} 1.073741824e+10',
    'node_btrfs_device_size_bytes{device="sdc",uuid="the-metadata-uuid"} 512',
    'node_btrfs_global_rsv_size_bytes{uuid="the-metadata-uuid"} 1.6777216e+07',
    'node_btrfs_info{label="fixture",uuid="the-metadata-uuid"} 1',
    'node_btrfs_last_commit_seconds{uuid="the-metadata-uuid"} 1',
    'node_btrfs_max_commit_seconds{uuid="the-metadata-uuid"} 51.462',
    'node_btrfs_reserved_bytes{block_group_type="data",uuid="the-metadata-uuid"} 7',
    'node_btrfs_size_bytes{block_group_type="data",mode="raid5",uuid="the-metadata-uuid"} 2.147483648e+09',
    'node_btrfs_used_bytes{block_group_type="data",mode="raid5",uuid="the-metadata-uuid"} 8.08189952e+08',
  ])
})

test('devices come from the kernel if the ioctl succeeds; of two mounts only one is queried', async () => {
  const asked: string[] = []
  const kernel = {
    async btrfs(mountpoint: string) {
      asked.push(mountpoint)
      const device = {
        id: 'dev-uuid',
        name: 'sda',
        sizeBytes: 1000,
        allocatedBytes: 400,
        errors: [['read', 3]],
      } as const
      return { id, devices: [device] }
    },
  }
  const lines = await collect(btrfs, { sys, proc, kernel })
  assert.deepEqual(
    lines.filter((line) => line.includes('device_')),
    [
      'node_btrfs_device_errors_total{btrfs_dev_uuid="dev-uuid",device="sda",type="read",uuid="the-metadata-uuid"} 3',
      'node_btrfs_device_size_bytes{btrfs_dev_uuid="dev-uuid",device="sda",uuid="the-metadata-uuid"} 1000',
      'node_btrfs_device_unused_bytes{btrfs_dev_uuid="dev-uuid",device="sda",uuid="the-metadata-uuid"} 600',
    ],
  )
  assert.deepEqual(asked, ['/data'])
})

test('it does not query a mount below one that can hang', async () => {
  const kernel = { btrfs: async () => assert.fail('asked') }
  const below = { '1/mountinfo': '29 1 0:38 / / rw - nfs4 s:/ rw\n30 29 0:39 / /data rw - btrfs /dev/sda rw\n' }
  const lines = await collect(btrfs, { sys, proc: below, kernel })
  assert.equal(lines.filter((line) => line.includes('device_size')).length, 3)
})

test('the cost of a layout includes copies and checksums', () => {
  const cost = (layout: string) => allocationRatio(layout, 4)
  assert.deepEqual(['single', 'raid0', 'dup', 'raid1', 'raid10', 'raid1c3', 'raid1c4'].map(cost), [1, 1, 2, 2, 2, 3, 4])
  assert.deepEqual(
    [cost('raid5'), cost('raid6'), cost('raid99'), allocationRatio('raid6', 2)],
    [4 / 3, 2, undefined, undefined],
  )
})

test('older kernels have neither metadata_uuid nor commit_stats', async () => {
  const lines = await collect(btrfs, { sys: at({ 'allocation/mixed/bytes_reserved': '1\n' }) })
  assert.deepEqual(lines, [
    `node_btrfs_commit_seconds_total{uuid="${id}"} 0`,
    `node_btrfs_commits_total{uuid="${id}"} 0`,
    `node_btrfs_info{label="",uuid="${id}"} 1`,
    `node_btrfs_last_commit_seconds{uuid="${id}"} 0`,
    `node_btrfs_max_commit_seconds{uuid="${id}"} 0`,
    `node_btrfs_reserved_bytes{block_group_type="mixed",uuid="${id}"} 1`,
  ])
})

test('a host without btrfs gives no samples and no failure', async () => {
  const { lines, success } = await collectAll(btrfs, { sys: { 'fs/btrfs/features/raid56': '0\n' } })
  assert.deepEqual([lines, success], [[], true])
})

test('an invalid value in one file system is a failure and does not hide the others', async () => {
  const both = {
    ...at({ commit_stats: 'commits x\n' }),
    ...at({ label: 'well', 'devices/sda/size': '1' }, 'other-one'),
  }
  const { lines, success } = await collectAll(btrfs, { sys: both })
  assert.equal(success, false)
  assert.ok(lines.includes('node_btrfs_info{label="well",uuid="other-one"} 1'))
  assert.ok(lines.includes('node_btrfs_device_size_bytes{device="sda",uuid="other-one"} 512'))
})

test('an invalid attribute is left out, and a file system without a UUID gets the name of its directory', async () => {
  const sys = at({ 'allocation/global_rsv_size': 'x', 'devices/sda/size': '', label: 'l', metadata_uuid: '\n' }, 'a-b')
  const { lines, success } = await collectAll(btrfs, { sys })
  assert.equal(success, true)
  assert.deepEqual(
    lines.filter((line) => !line.includes('commit')),
    ['node_btrfs_info{label="l",uuid="a-b"} 1'],
  )
})
