import assert from 'node:assert/strict'
import { test } from 'node:test'
import zfs, { parseKstat, parseKstatIo } from '../../src/collectors/zfs.ts'
import { collect, collectAll } from '../support/collect.ts'

const kstat = (...rows: string[]) =>
  `7 1 0x01 21 5712 1 2\nname                            type data\n${rows.join('\n')}\n`
const at = (files: Record<string, string>) => ({
  proc: Object.fromEntries(Object.entries(files).map(([file, text]) => [`spl/kstat/zfs/${file}`, text])),
})

test('statistics of all pools are named after their file and row', async () => {
  const files = {
    arcstats: kstat('hits    4    8772612', 'memory_available_bytes          3    -922337203685'),
    fm: kstat('erpt-dropped                    4    18'),
    dmu_tx: kstat('dmu_tx_assigned                 4    3532844'),
    vdev_cache_stats: kstat('hits 4 1'),
  }
  assert.deepEqual(await collect(zfs, at(files)), [
    'node_zfs_arc_hits 8.772612e+06',
    'node_zfs_arc_memory_available_bytes -9.22337203685e+11',
    'node_zfs_dmu_tx_dmu_tx_assigned 3.532844e+06',
    'node_zfs_fm_erpt_dropped 18',
    'node_zfs_vdev_cache_hits 1',
  ])
})

test('it reports the state of a pool, its input and output, and its datasets', async () => {
  const files = {
    'tank/state': 'DEGRADED\n',
    'tank/io':
      '12 3 0x00 1 80 79205351707403 395818011156865\nnread    nwritten rcnt    \n1884160  3206144  7       \n',
    'tank/objset-0x36': kstat('dataset_name                    7    tank/a b  c', 'writes 4 5', 'nread 4 6'),
  }
  assert.deepEqual(await collect(zfs, at(files)), [
    'node_zfs_zpool_dataset_nread{dataset="tank/a b  c",zpool="tank"} 6',
    'node_zfs_zpool_dataset_writes{dataset="tank/a b  c",zpool="tank"} 5',
    'node_zfs_zpool_nread{zpool="tank"} 1.88416e+06',
    'node_zfs_zpool_nwritten{zpool="tank"} 3.206144e+06',
    'node_zfs_zpool_rcnt{zpool="tank"} 7',
    'node_zfs_zpool_state{state="degraded",zpool="tank"} 1',
    'node_zfs_zpool_state{state="faulted",zpool="tank"} 0',
    'node_zfs_zpool_state{state="offline",zpool="tank"} 0',
    'node_zfs_zpool_state{state="online",zpool="tank"} 0',
    'node_zfs_zpool_state{state="removed",zpool="tank"} 0',
    'node_zfs_zpool_state{state="suspended",zpool="tank"} 0',
    'node_zfs_zpool_state{state="unavail",zpool="tank"} 0',
  ])
})

test('the name of a dataset is the rest of its row, also if it is a word of the row', () => {
  for (const name of [
    'tank/a b  c',
    'data',
    'data/Application  Support',
    'name space',
    'dataset_name',
    '7/7',
    'tank/é:a%b',
  ])
    assert.equal(parseKstat(kstat(`dataset_name                    7    ${name}`)).name, name)
})

test('truncated rows and rows of other types are left out', () => {
  const rows = parseKstat(kstat('a 4 1', 'c 0 x', 'i 1 5', 'u 2 5', 's 7 text', 'short 4', 'alone', ''))
  assert.deepEqual(rows, { name: '', values: [['a', 1]] })
})

test('a host without ZFS gives no data; a host without any of its files succeeds', async () => {
  const none = await collectAll(zfs)
  assert.deepEqual([none.lines, none.success], [[], false])
  assert.match(none.logged.join(), /^debug/)
  const empty = await collectAll(zfs, at({ 'other/file': '' }))
  assert.deepEqual([empty.lines, empty.success], [[], true])
})

test('an invalid value is a failure and does not hide the rest', async () => {
  for (const text of ['garbage\n', '', kstat('a 4 zz')]) {
    const { lines, success } = await collectAll(zfs, at({ arcstats: text, 'tank/objset-1': text, zil: kstat('a 4 1') }))
    assert.deepEqual([lines, success], [['node_zfs_zil_a 1'], false])
  }
  const pool = { 'tank/io': 'garbage\n', 'tank/state': 'ONLINE\n', 'tank/objset-1': kstat('a 4 1') }
  const { lines, success } = await collectAll(zfs, at(pool))
  assert.deepEqual([lines.length, success], [8, false])
  for (const text of ['', 'garbage', '1 2\na b\n1\n', '1 2\na b\n1 x\n'])
    assert.throws(() => parseKstatIo(text), /^Error: kstat: /)
})
