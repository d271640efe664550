import assert from 'node:assert/strict'
import { test } from 'node:test'
import xfrm from '../../src/collectors/xfrm.ts'
import { collect, collectAll } from '../support/collect.ts'

const given = (text: string) => ({ proc: { 'net/xfrm_stat': text } })

test('every IPsec error is a counter', async () => {
  const text =
    'XfrmInError             \t1\nXfrmInNoStates          \t3\nXfrmOutBundleGenError   \t4\nXfrmAcquireError \t24532\nOther 5\n'
  assert.deepEqual(await collect(xfrm, given(text)), [
    'node_xfrm_acquire_error_packets_total 24532',
    'node_xfrm_in_error_packets_total 1',
    'node_xfrm_in_no_states_packets_total 3',
    'node_xfrm_out_bundle_gen_error_packets_total 4',
  ])
})

test('an invalid number and a missing file are failures', async () => {
  assert.match(
    String((await collectAll(xfrm, given('XfrmInError x\n'))).logged),
    /XfrmInError: \\"x\\" is not a number/,
  )
  assert.match(String((await collectAll(xfrm, {})).logged), /failed.*ENOENT/)
})
