import assert from 'node:assert/strict'
import { test } from 'node:test'
import meminfo from '../../src/collectors/meminfo.ts'
import { collect } from '../support/collect.ts'

test('kilobytes become bytes, counts keep their name, parentheses become underscores', async () => {
  const proc = { meminfo: 'MemTotal:       16042172 kB\nActive(anon):       4 kB\nHugePages_Total:       3\n' }
  assert.deepEqual(await collect(meminfo, { proc }), [
    'node_memory_Active_anon_bytes 4096',
    'node_memory_HugePages_Total 3',
    'node_memory_MemTotal_bytes 1.6427184128e+10',
  ])
})
