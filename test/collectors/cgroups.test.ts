import assert from 'node:assert/strict'
import { test } from 'node:test'
import cgroups from '../../src/collectors/cgroups.ts'
import { collect, collectAll } from '../support/collect.ts'

const given = (text: string) => ({ proc: { cgroups: text } })

test('it reports the number of groups of each controller and whether it is enabled', async () => {
  const text = '#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t172\t1\nmemory\t7\t234\t0\n'
  assert.deepEqual(await collect(cgroups, given(text)), [
    'node_cgroups_cgroups{subsys_name="cpu"} 172',
    'node_cgroups_cgroups{subsys_name="memory"} 234',
    'node_cgroups_enabled{subsys_name="cpu"} 1',
    'node_cgroups_enabled{subsys_name="memory"} 0',
  ])
})

test('short lines, invalid numbers and a missing file are failures', async () => {
  for (const text of ['cpu 1\n', 'cpu 1 2 x\n'])
    assert.match(String((await collectAll(cgroups, given(text))).logged), /failed.*cgroups: cpu/)
  assert.match(String((await collectAll(cgroups, {})).logged), /failed.*ENOENT/)
})
