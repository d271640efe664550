import assert from 'node:assert/strict'
import { test } from 'node:test'
import fibrechannel from '../../src/collectors/fibrechannel.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const host = (id: number, tree: Parameters<typeof under>[1]) => under(`class/fc_host/host${id}`, tree)

test('statistics are hexadecimal, all ones means unsupported, identifiers lose their 0x', async () => {
  const sys = host(0, {
    fabric_name: '0x0\n',
    port_id: '0x000002\n',
    port_name: '0x1000e0071bce95f2\n',
    speed: '16 Gbit\n',
    'statistics/dumped_frames': '0xffffffffffffffff\n',
    'statistics/invalid_crc_count': '0x2\n',
    'statistics/rx_frames': '0xfffffffffffffffe\n',
    'statistics/tx_words': '0x1f\n',
    'statistics/reset_statistics': { error: 'EACCES' },
  })
  assert.deepEqual(await collect(fibrechannel, { sys }), [
    'node_fibrechannel_info{dev_loss_tmo="",fabric_name="0",fc_host="host0",port_id="000002",port_name="1000e0071bce95f2",port_state="",port_type="",speed="16 Gbit",supported_classes="",supported_speeds="",symbolic_name=""} 1',
    'node_fibrechannel_invalid_crc_total{fc_host="host0"} 2',
    'node_fibrechannel_rx_frames_total{fc_host="host0"} 1.8446744073709552e+19',
    'node_fibrechannel_tx_words_total{fc_host="host0"} 31',
  ])
})

test('an adapter without statistics reports the rest; an invalid value does not hide other adapters', async () => {
  const sys = {
    ...host(0, { speed: '8 Gbit\n' }),
    ...host(1, { 'statistics/nos_count': 'zz', 'statistics/tx_frames': '0x5' }),
  }
  const { lines, success } = await collectAll(fibrechannel, { sys })
  assert.equal(success, false)
  assert.deepEqual(lines.slice(2), ['node_fibrechannel_tx_frames_total{fc_host="host1"} 5'])
})

test('a host without the class directory gives no data', async () => {
  const { success, logged } = await collectAll(fibrechannel)
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
})
