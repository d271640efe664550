import assert from 'node:assert/strict'
import { test } from 'node:test'
import softnet from '../../src/collectors/softnet.ts'
import { collect, collectAll } from '../support/collect.ts'

const given = (text: string) => ({ proc: { 'net/softnet_stat': text } })

test('the last column is the number of the CPU', async () => {
  assert.deepEqual(await collect(softnet, given('49279 2 a 0 0 0 0 0 3 4 5 6 00000007 0 0\n')), [
    'node_softnet_backlog_len{cpu="7"} 6',
    'node_softnet_cpu_collision_total{cpu="7"} 3',
    'node_softnet_dropped_total{cpu="7"} 2',
    'node_softnet_flow_limit_count_total{cpu="7"} 5',
    'node_softnet_processed_total{cpu="7"} 299641',
    'node_softnet_received_rps_total{cpu="7"} 4',
    'node_softnet_times_squeezed_total{cpu="7"} 10',
  ])
})

test('on an older kernel the row number is the CPU, and missing columns are 0', async () => {
  const lines = await collect(softnet, given('1 0 0 0 0 0 0 0 9\n1 0 0 0 0 0 0 0 8 f\n'))
  assert.deepEqual(lines.slice(0, 4), [
    'node_softnet_backlog_len{cpu="0"} 0',
    'node_softnet_backlog_len{cpu="1"} 0',
    'node_softnet_cpu_collision_total{cpu="0"} 9',
    'node_softnet_cpu_collision_total{cpu="1"} 8',
  ])
  assert.ok(lines.includes('node_softnet_received_rps_total{cpu="1"} 15'))
})

test('a short or invalid row and a missing file are failures', async () => {
  for (const text of ['1 2 3\n', 'x 2 3 4 5 6 7 8 9\n'])
    assert.match(String((await collectAll(softnet, given(text))).logged), /failed.*softnet_stat: /)
  assert.match(String((await collectAll(softnet, {})).logged), /failed.*ENOENT/)
  assert.equal((await collectAll(softnet, given(''))).success, true)
})
