import assert from 'node:assert/strict'
import { test } from 'node:test'
import zoneinfo from '../../src/collectors/zoneinfo.ts'
import { collect, collectAll } from '../support/collect.ts'

const text = `Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 95612
      workingset_nodes 0
      nr_dirtied   1189097
  pages free     2949
        min      8
        high     14
        protection: (0, 2039)
      nr_free_pages 2949
      nr_kernel_stack 16
      numa_hit     1
  pagesets
    cpu: 0
              count: 3
              high:  4
  vm stats threshold: 8
  node_unreclaimable:  0
Node 1, zone   Normal
  pages free     5
        min      9
`

test('it reports the values of a zone without its page sets', async () => {
  assert.deepEqual(await collect(zoneinfo, { proc: { zoneinfo: text } }), [
    'node_zoneinfo_high_pages{node="0",zone="DMA"} 14',
    'node_zoneinfo_min_pages{node="0",zone="DMA"} 8',
    'node_zoneinfo_min_pages{node="1",zone="Normal"} 9',
    'node_zoneinfo_nr_dirtied_total{node="0",zone="DMA"} 1.189097e+06',
    'node_zoneinfo_nr_free_pages{node="0",zone="DMA"} 2949',
    'node_zoneinfo_nr_inactive_anon_pages{node="0",zone="DMA"} 95612',
    'node_zoneinfo_nr_kernel_stacks{node="0",zone="DMA"} 16',
    'node_zoneinfo_numa_hit_total{node="0",zone="DMA"} 1',
    'node_zoneinfo_protection_0{node="0",zone="DMA"} 0',
    'node_zoneinfo_protection_1{node="0",zone="DMA"} 2039',
  ])
})

test('invalid lines give no samples, a missing file is a failure', async () => {
  const odd = 'min 4\nNode 0, zone DMA\n min x\n low\n protection: (0, y)\n high 3\n'
  assert.deepEqual(await collect(zoneinfo, { proc: { zoneinfo: odd } }), [
    'node_zoneinfo_high_pages{node="0",zone="DMA"} 3',
  ])
  assert.match(String((await collectAll(zoneinfo, {})).logged), /failed.*ENOENT/)
})
