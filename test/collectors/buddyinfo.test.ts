import assert from 'node:assert/strict'
import { test } from 'node:test'
import buddyinfo from '../../src/collectors/buddyinfo.ts'
import { collect, collectAll } from '../support/collect.ts'

const given = (text: string) => ({ proc: { buddyinfo: text } })

test('it reports free blocks by node, zone and size', async () => {
  assert.deepEqual(
    await collect(buddyinfo, given('Node 0, zone      DMA      1      0 \nNode 1, zone   Normal   4381   1093 \n')),
    [
      'node_buddyinfo_blocks{node="0",size="0",zone="DMA"} 1',
      'node_buddyinfo_blocks{node="0",size="1",zone="DMA"} 0',
      'node_buddyinfo_blocks{node="1",size="0",zone="Normal"} 4381',
      'node_buddyinfo_blocks{node="1",size="1",zone="Normal"} 1093',
    ],
  )
})

const dma = [
  'node_buddyinfo_blocks{node="0",size="0",zone="DMA"} 1',
  'node_buddyinfo_blocks{node="0",size="1",zone="DMA"} 2',
]

test('rows of different lengths, invalid rows and a missing file are failures', async () => {
  for (const text of ['Node 0, zone DMA 1 2\nNode 0, zone Normal 1\n', 'hello\n', 'Node 0, zone DMA x\n']) {
    const { lines, logged } = await collectAll(buddyinfo, given(text))
    assert.deepEqual(lines, text.startsWith('Node 0, zone DMA 1 2') ? dma : [])
    assert.match(String(logged), /failed.*buddyinfo: /)
  }
  assert.match(String((await collectAll(buddyinfo, {})).logged), /failed.*ENOENT/)
})
