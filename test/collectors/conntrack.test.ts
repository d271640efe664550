import assert from 'node:assert/strict'
import { test } from 'node:test'
import conntrack from '../../src/collectors/conntrack.ts'
import { collect, collectAll } from '../support/collect.ts'

const limits = { 'sys/net/netfilter/nf_conntrack_count': '123\n', 'sys/net/netfilter/nf_conntrack_max': '65536\n' }
const header =
  'entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop ' +
  'icmp_error  expect_new expect_create expect_delete search_restart\n'

test('it sums hexadecimal counters over all CPUs', async () => {
  const rows = [
    '00000021  00000000 00000001 00000000 00000003 0000588a 0 0 00000004 00000005 00000006 00000007 0  0 0 0 00000000\n',
    '00000021  00000000 00000002 00000000 0000002f 000056a4 0 0 00000040 00000050 00000060 00000070 0  0 0 0 00000a02\n',
  ]
  const proc = { ...limits, 'net/stat/nf_conntrack': header + rows.join('') }
  assert.deepEqual(await collect(conntrack, { proc }), [
    'node_nf_conntrack_entries 123',
    'node_nf_conntrack_entries_limit 65536',
    'node_nf_conntrack_stat_drop 102',
    'node_nf_conntrack_stat_early_drop 119',
    'node_nf_conntrack_stat_found 3',
    'node_nf_conntrack_stat_ignore 44846',
    'node_nf_conntrack_stat_insert 68',
    'node_nf_conntrack_stat_insert_failed 85',
    'node_nf_conntrack_stat_invalid 50',
    'node_nf_conntrack_stat_search_restart 2562',
  ])
})

test('a host without connection tracking gives no data', async () => {
  const { lines, success, logged } = await collectAll(conntrack, {})
  assert.deepEqual([lines, success], [[], false])
  assert.match(String(logged), /no data/)
})

test('without the statistics it still reports entries and limit', async () => {
  const { lines, success, logged } = await collectAll(conntrack, { proc: limits })
  assert.deepEqual(lines, ['node_nf_conntrack_entries 123', 'node_nf_conntrack_entries_limit 65536'])
  assert.equal(success, false)
  assert.match(String(logged), /no data/)
})

test('a column that the kernel does not have is absent, not 0', async () => {
  const proc = { ...limits, 'net/stat/nf_conntrack': 'entries found\n1 2\n' }
  assert.deepEqual((await collect(conntrack, { proc })).slice(2), ['node_nf_conntrack_stat_found 2'])
})

test('a row that is not hexadecimal is a failure', async () => {
  const { success, logged } = await collectAll(conntrack, {
    proc: { ...limits, 'net/stat/nf_conntrack': `${header}zz\n` },
  })
  assert.equal(success, false)
  assert.match(String(logged), /\\"zz\\" is not a hexadecimal number/)
})
