import assert from 'node:assert/strict'
import { test } from 'node:test'
import meminfoNuma from '../../src/collectors/meminfo-numa.ts'
import { collect, collectAll } from '../support/collect.ts'

const directory = 'devices/system/node'

test('it reports the memory of each node in bytes, without a unit in the name, and its allocations', async () => {
  const sys = {
    [`${directory}/node1/meminfo`]:
      '\nNode 1 MemTotal:       134182340 kB\nNode 1 Active(anon):     4 kB\nNode 1 HugePages_Free:     7\nfoo\n',
    [`${directory}/node1/numastat`]: 'numa_hit 193460335812\nlocal_node 5\n',
    [`${directory}/possible`]: '0-1\n',
    [`${directory}/node_x/meminfo`]: '',
  }
  assert.deepEqual(await collect(meminfoNuma, { sys }), [
    'node_memory_numa_Active_anon{node="1"} 4096',
    'node_memory_numa_HugePages_Free{node="1"} 7',
    'node_memory_numa_MemTotal{node="1"} 1.3740271616e+11',
    'node_memory_numa_local_node_total{node="1"} 5',
    'node_memory_numa_numa_hit_total{node="1"} 1.93460335812e+11',
  ])
})

test('a kernel without NUMA is no failure, a missing file and invalid values are', async () => {
  assert.equal((await collectAll(meminfoNuma, {})).success, true)
  const failing = async (meminfo: string, numastat?: string) => {
    const rest = numastat === undefined ? {} : { [`${directory}/node0/numastat`]: numastat }
    return String((await collectAll(meminfoNuma, { sys: { [`${directory}/node0/meminfo`]: meminfo, ...rest } })).logged)
  }
  assert.match(await failing('Node 0 MemTotal: 5 kB\n'), /failed.*ENOENT/)
  assert.match(await failing('Node 0 MemTotal: x kB\n', ''), /MemTotal: \\"x\\" is not a number/)
  assert.match(await failing('', 'a 1\nb 2 3\n'), /more than two fields/)
  assert.match(await failing('', 'a\n'), /is not a number/)
})
