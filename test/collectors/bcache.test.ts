import assert from 'node:assert/strict'
import { test } from 'node:test'
import bcache, { parseSize } from '../../src/collectors/bcache.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const rates = `rate:\t\t1.1M/sec
dirty:\t\t20.4G
target:\t\t20.4G
proportional:\t427.5k
integral:\t-1.5
change:\t\t321.5k/sec
next io:\t17ms
`
const set = (more: Parameters<typeof under>[1] = {}) =>
  under('fs/bcache/dead-beef', {
    tree_depth: '1\n',
    'internal/btree_read_average_duration_us': '1305\n',
    'bdev0/dirty_data': '1.9G\n',
    'bdev0/stats_total/cache_hits': '546\n',
    'bdev0/stats_total/cache_readaheads': '0\n',
    'bdev0/stats_day/cache_hits': '289\n',
    'bdev0/writeback_rate_debug': rates,
    'cache0/written': '0\n',
    ...more,
  })
const device = 'backing_device="bdev0",uuid="dead-beef"'
const expected = [
  'node_bcache_btree_read_average_duration_seconds{uuid="dead-beef"} 1.305e-06',
  `node_bcache_cache_hits_total{${device}} 546`,
  `node_bcache_dirty_data_bytes{${device}} 2.017460224e+09`,
  `node_bcache_dirty_target_bytes{${device}} 2.189426688e+10`,
  'node_bcache_tree_depth{uuid="dead-beef"} 1',
  `node_bcache_writeback_change{${device}} 329204`,
  `node_bcache_writeback_rate{${device}} 1.150976e+06`,
  `node_bcache_writeback_rate_integral_term{${device}} -1`,
  `node_bcache_writeback_rate_proportional_term{${device}} 437748`,
  'node_bcache_written_bytes_total{cache_device="cache0",uuid="dead-beef"} 0',
]

test('it reports a set, its backing devices and caches; read-ahead metrics only if the kernel has them', async () => {
  assert.deepEqual(await collect(bcache, { sys: set() }), expected)
  const lines = await collect(bcache, { sys: set({ 'bdev0/stats_total/cache_readaheads': '13\n' }) })
  assert.ok(lines.includes(`node_bcache_cache_readaheads_total{${device}} 13`))
})

test('priority statistics are read only if the option is set', async () => {
  const sys = set({ 'cache0/priority_stats': 'Unused:\t\t99%\nClean:\t\t1%\nMetadata:\t2%\nQuantiles:\t[0 1]\n' })
  assert.deepEqual(await collect(bcache, { sys }), expected)
  const lines = await collect(bcache, { sys, options: { priorityStats: true } })
  assert.deepEqual(
    lines.filter((line) => line.includes('priority')),
    [
      'node_bcache_priority_stats_metadata_percent{cache_device="cache0",uuid="dead-beef"} 2',
      'node_bcache_priority_stats_unused_percent{cache_device="cache0",uuid="dead-beef"} 99',
    ],
  )
})

test('an attribute that an older kernel does not have is absent, not 0', async () => {
  const { lines, success } = await collectAll(bcache, {
    sys: set({ 'bdev0/writeback_rate_debug': 'rate:\t4.0k/sec\n' }),
  })
  assert.equal(success, true)
  assert.deepEqual(
    lines.filter((line) => line.includes('writeback') || line.includes('target')),
    [`node_bcache_writeback_rate{${device}} 4096`],
  )
})

test('an invalid value, or a device without rates, is a failure', async () => {
  for (const more of [{ tree_depth: '' }, { tree_depth: 'x' }, { 'bdev0/writeback_rate_debug': { error: 'ENOENT' } }])
    assert.equal((await collectAll(bcache, { sys: set(more) })).success, false)
})

test('a host without sets gives no samples and no failure', async () => {
  const { lines, success } = await collectAll(bcache, { sys: { 'fs/bcache/register': '' } })
  assert.deepEqual([lines, success], [[], true])
})

test('sizes are computed as in node_exporter', () => {
  assert.equal(parseSize('1.5k'), 1524)
  assert.equal(parseSize('12.10T'), 14_267_881_357_312)
  assert.equal(parseSize('-4.0k/sec'), -4096)
  assert.equal(parseSize('1.10'), 1)
  assert.equal(parseSize('512'), 512)
  for (const text of ['', 'k', '1.5x', '1..2']) assert.throws(() => parseSize(text), /not a size/)
})
