import assert from 'node:assert/strict'
import { test } from 'node:test'
import swap from '../../src/collectors/swap.ts'
import { collect, collectAll } from '../support/collect.ts'

const header = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'
const given = (text: string) => ({ proc: { swaps: text } })

test('it reports areas in bytes, with their priority', async () => {
  const text = `${header}/dev/zram0                              partition\t8388604\t\t76\t\t100\n/swap\\040file file 4 0 -2\n`
  assert.deepEqual(await collect(swap, given(text)), [
    'node_swap_priority{device="/dev/zram0",swap_type="partition"} 100',
    'node_swap_priority{device="/swap\\\\040file",swap_type="file"} -2',
    'node_swap_size_bytes{device="/dev/zram0",swap_type="partition"} 8.589930496e+09',
    'node_swap_size_bytes{device="/swap\\\\040file",swap_type="file"} 4096',
    'node_swap_used_bytes{device="/dev/zram0",swap_type="partition"} 77824',
    'node_swap_used_bytes{device="/swap\\\\040file",swap_type="file"} 0',
  ])
})

test('a host without swap gives no samples', async () => {
  const { lines, success } = await collectAll(swap, given(header))
  assert.deepEqual([lines, success], [[], true])
})

test('short lines, invalid numbers and a missing file are failures', async () => {
  for (const text of [`${header}/a file 1 2\n`, `${header}/a file x 2 3\n`])
    assert.match(String((await collectAll(swap, given(text))).logged), /failed.*swaps: /)
  assert.match(String((await collectAll(swap, {})).logged), /failed.*ENOENT/)
})
