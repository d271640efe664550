import assert from 'node:assert/strict'
import { test } from 'node:test'
import lnstat from '../../src/collectors/lnstat.ts'
import { collect, collectAll } from '../support/collect.ts'

test('every column of every file is a counter for each row', async () => {
  const proc = {
    'net/stat/arp_cache': 'entries  allocs hash-grows\n00000014  00000001 0000000a\n00000014  0000000d 0000000e\n',
    'net/stat/ndisc_cache': 'entries\nff\n',
  }
  assert.deepEqual(await collect(lnstat, { proc }), [
    'node_lnstat_allocs_total{cpu="0",subsystem="arp_cache"} 1',
    'node_lnstat_allocs_total{cpu="1",subsystem="arp_cache"} 13',
    'node_lnstat_entries_total{cpu="0",subsystem="arp_cache"} 20',
    'node_lnstat_entries_total{cpu="0",subsystem="ndisc_cache"} 255',
    'node_lnstat_entries_total{cpu="1",subsystem="arp_cache"} 20',
    'node_lnstat_hash_grows_total{cpu="0",subsystem="arp_cache"} 10',
    'node_lnstat_hash_grows_total{cpu="1",subsystem="arp_cache"} 14',
  ])
})

test('rows longer or shorter than the header give the columns that they have', async () => {
  assert.deepEqual(await collect(lnstat, { proc: { 'net/stat/a': 'x y\n1\n2 3 4\n' } }), [
    'node_lnstat_x_total{cpu="0",subsystem="a"} 1',
    'node_lnstat_x_total{cpu="1",subsystem="a"} 2',
    'node_lnstat_y_total{cpu="1",subsystem="a"} 3',
  ])
})

test('a missing directory and empty files are no failure, an invalid row is', async () => {
  assert.equal((await collectAll(lnstat, {})).success, true)
  assert.equal((await collectAll(lnstat, { proc: { 'net/stat/a': '' } })).success, true)
  const proc = { 'net/stat/a': 'x\nzz\n', 'net/stat/b': 'y\n0000000f\n' }
  const { lines, logged } = await collectAll(lnstat, { proc })
  assert.match(String(logged), /not a hexadecimal number/)
  assert.deepEqual(lines, ['node_lnstat_y_total{cpu="0",subsystem="b"} 15'])
})
