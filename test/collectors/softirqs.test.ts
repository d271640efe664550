import assert from 'node:assert/strict'
import { test } from 'node:test'
import softirqs from '../../src/collectors/softirqs.ts'
import { collect, collectAll } from '../support/collect.ts'

const given = (text: string) => ({ proc: { softirqs: text } })

test('it reports counts by type and column', async () => {
  const text = '      CPU0       CPU2\n      HI:          7          1\n  NET_TX:       2301\n     NEW:  1 2\nRCU 1 2\n'
  assert.deepEqual(await collect(softirqs, given(text)), [
    'node_softirqs_functions_total{cpu="0",type="HI"} 7',
    'node_softirqs_functions_total{cpu="0",type="NET_TX"} 2301',
    'node_softirqs_functions_total{cpu="1",type="HI"} 1',
  ])
})

test('a missing, empty or invalid file is a failure', async () => {
  assert.match(String((await collectAll(softirqs, {})).logged), /failed.*ENOENT/)
  assert.match(String((await collectAll(softirqs, given(''))).logged), /failed.*empty/)
  assert.match(String((await collectAll(softirqs, given('CPU0\nHI: x\n'))).logged), /\\"x\\" is not a number/)
})
