import assert from 'node:assert/strict'
import { test } from 'node:test'
import bcachefs, { parseCounter, parseIoDone, parseIoErrors, sizeOf, table } from '../../src/collectors/bcachefs.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const at = (files: Record<string, string>) => ({
  sys: Object.fromEntries(Object.entries(files).map(([file, text]) => [`fs/bcachefs/${file}`, text])),
})

test('it reports a file system and its device', async () => {
  const files = {
    'u-1/btree_cache_size': '1.50M\n',
    'u-1/compression_stats':
      'typetype          compressed    uncompressed     average extent size\nlz4       48.9G    71.2G    62.5k\n',
    'u-1/errors': 'bset_bad_csum                                   2       1767112063\nno_time   7\n',
    'u-1/btree_write_stats': '                   nr        size\ninit_next_bset:    4055926   28.2k\n',
    'u-1/counters/data_read': 'since mount:                   475G\nsince filesystem creation:     44.5T\n',
    'u-1/dev-10/label': 'disk-10\n',
    'u-1/dev-10/state': '[rw] ro evacuating spare \n',
    'u-1/dev-10/bucket_size': '512k\n',
    'u-1/dev-10/nbuckets': '953880\n',
    'u-1/dev-10/durability': '1\n',
    'u-1/dev-10/io_done':
      'read:\nsb          :       86016\nuser        :102313054208\nwrite:\nsb          :      645120\n',
    'u-1/dev-10/io_errors':
      'IO errors since filesystem creation\n  read:    3\n  checksum:0\nIO errors since 8 y ago\n  read:    9\n',
  }
  assert.deepEqual(await collect(bcachefs, at(files)), [
    'node_bcachefs_btree_cache_size_bytes{uuid="u-1"} 1.572864e+06',
    'node_bcachefs_btree_write_average_size_bytes{type="init_next_bset",uuid="u-1"} 28876',
    'node_bcachefs_btree_writes_total{type="init_next_bset",uuid="u-1"} 4.055926e+06',
    'node_bcachefs_compression_compressed_bytes{algorithm="lz4",uuid="u-1"} 5.2505975193e+10',
    'node_bcachefs_compression_uncompressed_bytes{algorithm="lz4",uuid="u-1"} 7.6450417868e+10',
    'node_bcachefs_data_read_total{uuid="u-1"} 4.8928267436032e+13',
    'node_bcachefs_device_bucket_size_bytes{device="10",uuid="u-1"} 524288',
    'node_bcachefs_device_buckets{device="10",uuid="u-1"} 953880',
    'node_bcachefs_device_durability{device="10",uuid="u-1"} 1',
    'node_bcachefs_device_info{device="10",label="disk-10",state="[rw] ro evacuating spare",uuid="u-1"} 1',
    'node_bcachefs_device_io_done_bytes_total{data_type="sb",device="10",operation="read",uuid="u-1"} 86016',
    'node_bcachefs_device_io_done_bytes_total{data_type="sb",device="10",operation="write",uuid="u-1"} 645120',
    'node_bcachefs_device_io_done_bytes_total{data_type="user",device="10",operation="read",uuid="u-1"} 1.02313054208e+11',
    'node_bcachefs_device_io_errors_total{device="10",type="checksum",uuid="u-1"} 0',
    'node_bcachefs_device_io_errors_total{device="10",type="read",uuid="u-1"} 3',
    'node_bcachefs_errors_total{error_type="bset_bad_csum",uuid="u-1"} 2',
    'node_bcachefs_errors_total{error_type="no_time",uuid="u-1"} 7',
    'node_bcachefs_info{uuid="u-1"} 1',
  ])
})

test('a host without bcachefs gives no data', async () => {
  for (const given of [{}, at({ version: '1\n' })]) {
    const { lines, success, logged } = await collectAll(bcachefs, given)
    assert.deepEqual([lines, success], [[], false])
    assert.match(logged.join(), /^debug/)
  }
})

test('a missing file leaves out only its samples', async () => {
  assert.deepEqual(await collect(bcachefs, at({ 'u-1/dev-0/nbuckets': '7\n' })), [
    'node_bcachefs_device_buckets{device="0",uuid="u-1"} 7',
    'node_bcachefs_device_info{device="0",label="",state="",uuid="u-1"} 1',
    'node_bcachefs_info{uuid="u-1"} 1',
  ])
})

test('sizes are powers of 1024, truncated to whole bytes', () => {
  const sizes = ['0', '697', '1.5', '1k', '1.26k', '2.00M', '1g', '10.8T', '1P', '-1.5k']
  assert.deepEqual(sizes.map(sizeOf), [0, 697, 1, 1024, 1290, 2097152, 2 ** 30, 11874725579980, 2 ** 50, -1536])
  assert.equal(sizeOf(''), undefined)
  for (const garbage of ['x', '5B', '1KiB', '1,5', '.', '1.2.3k'])
    assert.throws(() => sizeOf(garbage), /is not a number/)
})

test('an invalid value is a failure and does not hide other samples', async () => {
  const files = {
    'u-1/btree_cache_size': 'x',
    'u-1/counters/a': 'garbage',
    'u-1/counters/b-c': 'since filesystem creation: 5\n',
  }
  const { lines, success } = await collectAll(bcachefs, at(files))
  assert.deepEqual(
    [lines, success],
    [['node_bcachefs_b_c_total{uuid="u-1"} 5', 'node_bcachefs_info{uuid="u-1"} 1'], false],
  )
})

test('truncated lines give fewer samples', () => {
  assert.deepEqual([...table('head\nlz4 1k\nzstd 1k 2k\n\n', 1, 2)], [['zstd', 1024, 2048]])
  assert.deepEqual([...parseIoDone('sb : 3\nread:\nuser\nsb : 4')], [['read', 'sb', 4]])
  assert.deepEqual([...parseIoErrors('  read: 5\n')], [])
  assert.deepEqual([...parseIoErrors('IO errors since filesystem creation\n  read:\n  write: 4')], [['write', 4]])
  assert.throws(() => parseCounter('since mount: 1\n'), /is not a counter/)
})

test('newer kernels write a colon after an algorithm and a reason; it is not part of the label', async () => {
  const sys = under('fs/bcachefs/u-1', {
    compression_stats: 'type compressed uncompressed average extent size\nlz4: 1k 2k 3k\nzstd: 1k 2k 3k\n',
    btree_write_stats: 'nr size\ninitial: 10 2k\n',
  })
  const lines = await collect(bcachefs, { sys })
  assert.deepEqual(
    lines.flatMap((line) => /(?:algorithm|type)="(.*?)"/.exec(line)?.[1] ?? []),
    ['initial', 'initial', 'lz4', 'zstd', 'lz4', 'zstd'],
  )
})
