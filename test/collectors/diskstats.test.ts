import assert from 'node:assert/strict'
import { test } from 'node:test'
import diskstats from '../../src/collectors/diskstats.ts'
import { collect, collectAll } from '../support/collect.ts'

const disk = (name: string, ...values: readonly number[]) => `   8      16 ${name} ${values.join(' ')}\n`
const counts = (columns: number) => Array.from({ length: columns }, (_, i) => i + 1)
const names = (lines: readonly string[]) => lines.map((line) => /^node_disk_(\w+)/.exec(line)?.[1])
const devices = (lines: readonly string[]) =>
  lines.filter((line) => line.startsWith('node_disk_info')).map((line) => /device="([^"]*)"/.exec(line)?.[1])

test('a disk of a current kernel has 17 statistics in base units', async () => {
  const line = disk(
    'sdc',
    126552,
    141,
    1657779,
    14,
    11822,
    1895,
    172905,
    1007,
    0,
    9653880,
    17070,
    18851,
    0,
    125173784,
    11130,
    1555,
    1944,
  )
  const sys = { 'block/sdc/queue/rotational': '1\n' }
  assert.deepEqual(await collect(diskstats, { proc: { diskstats: line }, sys }), [
    'node_disk_discard_time_seconds_total{device="sdc"} 11.13',
    'node_disk_discarded_sectors_total{device="sdc"} 1.25173784e+08',
    'node_disk_discards_completed_total{device="sdc"} 18851',
    'node_disk_discards_merged_total{device="sdc"} 0',
    'node_disk_flush_requests_time_seconds_total{device="sdc"} 1.944',
    'node_disk_flush_requests_total{device="sdc"} 1555',
    'node_disk_info{device="sdc",major="8",minor="16",model="",path="",revision="",rotational="1",serial="",wwn=""} 1',
    'node_disk_io_now{device="sdc"} 0',
    'node_disk_io_time_seconds_total{device="sdc"} 9653.880000000001',
    'node_disk_io_time_weighted_seconds_total{device="sdc"} 17.07',
    'node_disk_read_bytes_total{device="sdc"} 8.48782848e+08',
    'node_disk_read_time_seconds_total{device="sdc"} 0.014',
    'node_disk_reads_completed_total{device="sdc"} 126552',
    'node_disk_reads_merged_total{device="sdc"} 141',
    'node_disk_write_time_seconds_total{device="sdc"} 1.0070000000000001',
    'node_disk_writes_completed_total{device="sdc"} 11822',
    'node_disk_writes_merged_total{device="sdc"} 1895',
    'node_disk_written_bytes_total{device="sdc"} 8.852736e+07',
  ])
})

test('it accepts fewer columns of older kernels and more columns of newer ones', async () => {
  const of = async (columns: number) =>
    (await collect(diskstats, { proc: { diskstats: disk('sda', ...counts(columns)) } })).length
  assert.deepEqual([await of(4), await of(11), await of(15), await of(17), await of(20)], [0, 12, 16, 18, 18])
})

test('partitions, loop and RAM disks are excluded by default', async () => {
  const all = [
    'ram0',
    'zram1',
    'loop7',
    'fd0',
    'hda1',
    'sda',
    'sda1',
    'vdb2',
    'xvda',
    'nvme0n1',
    'nvme0n1p1',
    'mmcblk0p1',
    'dm-0',
  ]
  const proc = { diskstats: all.map((name) => disk(name, ...counts(11))).join('') }
  assert.deepEqual(devices(await collect(diskstats, { proc })), ['dm-0', 'mmcblk0p1', 'nvme0n1', 'sda', 'xvda'])
  const include = await collect(diskstats, { proc, options: { 'device-include': '^(sda|ram)' } })
  assert.deepEqual(devices(include), ['ram0', 'sda', 'sda1'])
  const old = await collect(diskstats, { proc, options: { 'ignored-devices': '[0-9a]$' } })
  assert.deepEqual(devices(old), [])
})

test('include and exclude patterns that conflict are rejected', async () => {
  const both = { 'ignored-devices': 'a', 'device-exclude': 'b' }
  await assert.rejects(() => collect(diskstats, { options: { ...both } }), /cannot both be set/)
  await assert.rejects(
    () => collect(diskstats, { options: { 'device-include': 'a', 'device-exclude': 'b' } }),
    /cannot both/,
  )
})

const known = async (properties: string) => {
  const given = { proc: { diskstats: disk('sda', ...counts(11)) }, udev: { 'b8:16': properties } }
  const { lines, logged, success } = await collectAll(diskstats, given)
  return { lines: lines.filter((line) => /info|ata_/.test(line)), logged, success }
}

test('the udev database describes a disk', async () => {
  const { lines } = await known(
    'S:disk/by-id/x\nW:702\nE:ID_MODEL=TOSHIBA=K\nE:ID_PATH=pci-0000\nE:ID_WWN=0x7c\nE:ID_REVISION=0102\n' +
      'E:ID_SERIAL=long\nE:ID_SERIAL_SHORT=short\nE:SCSI_IDENT_SERIAL=\nE:ID_FS_TYPE=ext4\nE:ID_FS_UUID=u\nE:ID_FS_VERSION=1.0\n' +
      'E:ID_FS_USAGE=filesystem\n',
  )
  assert.deepEqual(lines, [
    'node_disk_filesystem_info{device="sda",type="ext4",usage="filesystem",uuid="u",version="1.0"} 1',
    'node_disk_info{device="sda",major="8",minor="16",model="TOSHIBA=K",path="pci-0000",revision="0102",rotational="0",serial="short",wwn="0x7c"} 1',
  ])
})

test('only the value 1 of the kernel means that a disk rotates', async () => {
  for (const [text, rotational] of [
    ['1\n', '1'],
    ['', '0'],
    ['x', '0'],
  ]) {
    const given = { proc: { diskstats: disk('sda', ...counts(11)) }, sys: { 'block/sda/queue/rotational': text ?? '' } }
    const { lines, success } = await collectAll(diskstats, given)
    assert.ok(success && lines.some((line) => line.includes(`rotational="${rotational}"`)))
  }
})

test('a device mapper disk has an information metric', async () => {
  const { lines } = await known('E:DM_NAME=nvme0n1_crypt\nE:DM_UUID=CRYPT-1\nE:DM_VG_NAME=system\nE:DM_LV_NAME=root\n')
  assert.equal(
    lines[0],
    'node_disk_device_mapper_info{device="sda",lv_layer="",lv_name="root",name="nvme0n1_crypt",uuid="CRYPT-1",vg_name="system"} 1',
  )
})

test('an ATA disk has attributes; an invalid one is logged and left out', async () => {
  const { lines, logged, success } = await known(
    'E:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=1\nE:ID_ATA_WRITE_CACHE_ENABLED=\nE:ID_ATA_ROTATION_RATE_RPM=7200\n',
  )
  assert.deepEqual(names(lines), ['ata_rotation_rate_rpm', 'ata_write_cache', 'info'])
  assert.equal(success, true)
  assert.match(String(logged), /sda: ID_ATA_WRITE_CACHE_ENABLED \\"\\" is not a number/)
  assert.deepEqual(names((await known('E:ID_ATA_ROTATION_RATE_RPM=7200\n')).lines), ['info'])
})

test('a missing file and an invalid row are failures, an empty file gives no disks', async () => {
  assert.match(String((await collectAll(diskstats, {})).logged), /failed.*ENOENT/)
  assert.equal((await collectAll(diskstats, { proc: { diskstats: '' } })).success, true)
  const { logged } = await collectAll(diskstats, { proc: { diskstats: `8 0 sda 1 2 x 4 5 6 7 8 9 10 11\n` } })
  assert.match(String(logged), /diskstats: sda: \\"x\\" is not a number/)
})
