import assert from 'node:assert/strict'
import { test } from 'node:test'
import xfs from '../../src/collectors/xfs.ts'
import { collect, collectAll } from '../support/collect.ts'

test('line and column identify the counters of each file system', async () => {
  const sys = {
    'fs/xfs/sda1/stats/stats':
      'extent_alloc 1 872 3 4\nig 5 1 0 4 0 0 2\nrw 28 9\nvnodes 4 0 0 0 1 6 7 8\nxpc 3571712 3568056 0\n',
    'fs/xfs/dm-0/stats/stats': 'dir 3 2 1 52\n',
    'fs/xfs/stats/stats': 'rw 999 999\n',
  }
  assert.deepEqual(await collect(xfs, { sys }), [
    'node_xfs_directory_operation_create_total{device="dm-0"} 2',
    'node_xfs_directory_operation_getdents_total{device="dm-0"} 52',
    'node_xfs_directory_operation_lookup_total{device="dm-0"} 3',
    'node_xfs_directory_operation_remove_total{device="dm-0"} 1',
    'node_xfs_extent_allocation_blocks_allocated_total{device="sda1"} 872',
    'node_xfs_extent_allocation_blocks_freed_total{device="sda1"} 4',
    'node_xfs_extent_allocation_extents_allocated_total{device="sda1"} 1',
    'node_xfs_extent_allocation_extents_freed_total{device="sda1"} 3',
    'node_xfs_inode_operation_attempts_total{device="sda1"} 5',
    'node_xfs_inode_operation_attribute_changes_total{device="sda1"} 2',
    'node_xfs_inode_operation_duplicates_total{device="sda1"} 0',
    'node_xfs_inode_operation_found_total{device="sda1"} 1',
    'node_xfs_inode_operation_missed_total{device="sda1"} 4',
    'node_xfs_inode_operation_reclaims_total{device="sda1"} 0',
    'node_xfs_inode_operation_recycled_total{device="sda1"} 0',
    'node_xfs_read_calls_total{device="sda1"} 9',
    'node_xfs_vnode_active_total{device="sda1"} 4',
    'node_xfs_vnode_allocate_total{device="sda1"} 0',
    'node_xfs_vnode_get_total{device="sda1"} 0',
    'node_xfs_vnode_hold_total{device="sda1"} 0',
    'node_xfs_vnode_reclaim_total{device="sda1"} 6',
    'node_xfs_vnode_release_total{device="sda1"} 1',
    'node_xfs_vnode_remove_total{device="sda1"} 7',
    'node_xfs_write_calls_total{device="sda1"} 28',
  ])
})

test('a host without XFS gives no samples and no failure', async () => {
  const { lines, success } = await collectAll(xfs)
  assert.deepEqual([lines, success], [[], true])
})

test('truncated and unknown lines give fewer samples', async () => {
  const sys = { 'fs/xfs/sda1/stats/stats': 'rw 28\nvnodes\nnewer 1 2\n' }
  assert.deepEqual(await collect(xfs, { sys }), ['node_xfs_write_calls_total{device="sda1"} 28'])
})

test('an invalid value in one file system is a failure and does not hide the others', async () => {
  const sys = { 'fs/xfs/sda1/stats/stats': 'rw what 1\n', 'fs/xfs/sdb1/stats/stats': 'rw 1 2\n' }
  const { lines, success } = await collectAll(xfs, { sys })
  assert.deepEqual(lines, ['node_xfs_read_calls_total{device="sdb1"} 2', 'node_xfs_write_calls_total{device="sdb1"} 1'])
  assert.equal(success, false)
})
