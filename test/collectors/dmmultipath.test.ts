import assert from 'node:assert/strict'
import { test } from 'node:test'
import dmmultipath from '../../src/collectors/dmmultipath.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const dm = (id: number, more: Parameters<typeof under>[1] = {}) =>
  under(`block/dm-${id}`, {
    'dm/uuid': 'mpath-36\n',
    'dm/name': `mpath${id}\n`,
    'dm/suspended': '0\n',
    size: '8\n',
    ...more,
  })

test('SCSI and NVMe states decide whether a path works; other volumes are ignored', async () => {
  const sys = {
    ...dm(0, { 'slaves/sda/size': '', 'slaves/sdb/size': '', 'slaves/nvme0n1/size': '' }),
    ...dm(1, { 'dm/uuid': 'LVM-abc\n', size: 'x' }),
    ...dm(2, { 'dm/suspended': '1\n' }),
    'block/sda/device/state': 'running\n',
    'block/sdb/device/state': 'offline\n',
    'block/nvme0n1/device/state': 'live\n',
  }
  const lines = await collect(dmmultipath, { sys })
  assert.deepEqual(
    lines.filter((line) => line.includes('mpath0')),
    [
      'node_dmmultipath_device_active{device="mpath0",sysfs_name="dm-0"} 1',
      'node_dmmultipath_device_info{device="mpath0",sysfs_name="dm-0",uuid="mpath-36"} 1',
      'node_dmmultipath_device_paths{device="mpath0",sysfs_name="dm-0"} 3',
      'node_dmmultipath_device_paths_active{device="mpath0",sysfs_name="dm-0"} 2',
      'node_dmmultipath_device_paths_failed{device="mpath0",sysfs_name="dm-0"} 1',
      'node_dmmultipath_device_size_bytes{device="mpath0",sysfs_name="dm-0"} 4096',
      'node_dmmultipath_path_state{device="mpath0",path="nvme0n1",state="live"} 1',
      'node_dmmultipath_path_state{device="mpath0",path="sda",state="running"} 1',
      'node_dmmultipath_path_state{device="mpath0",path="sdb",state="offline"} 1',
    ],
  )
  assert.ok(lines.includes('node_dmmultipath_device_active{device="mpath2",sysfs_name="dm-2"} 0'))
  assert.equal(lines.length, 9 + 6)
})

test('a path that disappears is no data and does not hide other devices; an invalid value is a failure', async () => {
  const gone = await collectAll(dmmultipath, { sys: { ...dm(0, { 'slaves/sdx/size': '' }), ...dm(1) } })
  assert.equal(gone.success, false)
  assert.match(gone.logged.join(), /^debug.*sdx/)
  // Of the first device: its information, state and size. The numbers of its paths are not known.
  assert.equal(gone.lines.length, 9)
  const garbage = await collectAll(dmmultipath, { sys: dm(0, { size: 'x' }) })
  assert.match(garbage.logged.join(), /^error/)
})

test('a host without block devices gives no data', async () => {
  assert.equal((await collectAll(dmmultipath)).success, false)
})
