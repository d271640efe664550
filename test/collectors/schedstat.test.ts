import assert from 'node:assert/strict'
import { test } from 'node:test'
import schedstat from '../../src/collectors/schedstat.ts'
import { collect, collectAll } from '../support/collect.ts'

test('times of a CPU become seconds; domains and other lines are skipped', async () => {
  const text =
    'version 15\ntimestamp 15819019232\ncpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163039 343796328169361 4767485306\n' +
    'domain0 00000003 212499247 210112015 1861015\ncpu1 1 2\ncpux 1 2 3 4 5 6 7 8 9\ncpu3 1 2 3 4 5 6 x 8 9\n'
  assert.deepEqual(await collect(schedstat, { proc: { schedstat: text } }), [
    'node_schedstat_running_seconds_total{cpu="0"} 2.045936778163039e+06',
    'node_schedstat_timeslices_total{cpu="0"} 4.767485306e+09',
    'node_schedstat_waiting_seconds_total{cpu="0"} 343796.328169361',
  ])
})

test('a kernel without the file gives no data', async () => {
  const { lines, success, logged } = await collectAll(schedstat, {})
  assert.deepEqual([lines, success], [[], false])
  assert.match(String(logged), /no data/)
})
