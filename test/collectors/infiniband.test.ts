import assert from 'node:assert/strict'
import { test } from 'node:test'
import infiniband, { parseRate, parseState } from '../../src/collectors/infiniband.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const port = { state: '4: ACTIVE\n', phys_state: '5: LinkUp\n', rate: '40 Gb/sec (4X QDR)\n' }
const device = (name: string, more: Parameters<typeof under>[1] = {}) =>
  under(`class/infiniband/${name}`, { fw_ver: '2.31\n', board_id: 'SM\n', ...under('ports/1', port), ...more })

test('data is counted in words of four bytes, the lifespan in milliseconds', async () => {
  const sys = device('mlx4_0', {
    'ports/1/counters/port_rcv_data': '4631917\n',
    'ports/1/counters/VL15_dropped': '3\n',
    'ports/1/counters/unknown_to_us': 'x\n',
    'ports/1/counters_ext/port_xmit_data_64': '10\n',
    'ports/1/hw_counters/lifespan': '20003\n',
    'ports/1/hw_counters/roce_slow_restart': '21\n',
    'ports/1/hw_counters/roce_slow_restart_trans': '23\n',
  })
  assert.deepEqual(await collect(infiniband, { sys }), [
    'node_infiniband_info{board_id="SM",device="mlx4_0",firmware_version="2.31",hca_type=""} 1',
    'node_infiniband_legacy_data_transmitted_bytes_total{device="mlx4_0",port="1"} 40',
    'node_infiniband_lifespan_seconds{device="mlx4_0",port="1"} 20',
    'node_infiniband_physical_state_id{device="mlx4_0",port="1"} 5',
    'node_infiniband_port_data_received_bytes_total{device="mlx4_0",port="1"} 1.8527668e+07',
    'node_infiniband_rate_bytes_per_second{device="mlx4_0",port="1"} 5e+09',
    'node_infiniband_roce_slow_restart_total{device="mlx4_0",port="1"} 23',
    'node_infiniband_roce_slow_restart_used_total{device="mlx4_0",port="1"} 21',
    'node_infiniband_state_id{device="mlx4_0",port="1"} 4',
    'node_infiniband_vl15_dropped_total{device="mlx4_0",port="1"} 3',
  ])
})

test('a counter that is unavailable or unreadable is left out', async () => {
  const sys = device('i40iw0', {
    'ports/1/counters/link_downed': 'N/A (no PMA)\n',
    'ports/1/counters/symbol_error': { error: 'EINVAL' },
  })
  const { lines, success } = await collectAll(infiniband, { sys })
  assert.deepEqual([lines.length, success], [4, true])
})

test('an invalid counter is a failure and does not hide other samples', async () => {
  const sys = {
    ...device('a', { 'ports/1/counters/link_downed': 'x3', 'ports/1/counters/symbol_error': '4' }),
    ...device('b'),
  }
  const { lines, success } = await collectAll(infiniband, { sys })
  assert.equal(success, false)
  assert.equal(lines.length, 4 + 1 + 4)
})

test('a device without ports and a port without a rate are no data', async () => {
  const sys = { ...device('a', { 'ports/1/rate': { error: 'ENOENT' } }), ...device('b') }
  const { success, logged } = await collectAll(infiniband, { sys })
  assert.equal(success, false)
  assert.match(logged.join(), /^debug.*rate/)
})

test('filters apply before devices are read', async () => {
  const sys = { ...device('mlx5_0', { fw_ver: { error: 'EIO' } }), ...device('mlx5_1') }
  for (const options of [{ 'device-include': '_1$' }, { 'device-exclude': '_0$' }]) {
    const { lines, success } = await collectAll(infiniband, { sys, options })
    assert.deepEqual([lines.length, success], [4, true])
  }
})

test('a host without the class directory gives no data', async () => {
  assert.equal((await collectAll(infiniband)).success, false)
})

test('a rate is a float32 of gigabits', () => {
  assert.equal(parseRate('2.5 Gb/sec (1X SDR)'), 312_500_000)
  assert.equal(parseRate('56.4 Gb/sec'), 7_050_000_190)
  assert.equal(parseRate('14.0625 Gb/sec (1X FDR)'), 1_757_812_500)
  for (const text of ['', 'foo', '-1 Gb/sec']) assert.throws(() => parseRate(text), /not in Gb/)
})

test('a state begins with its number', () => {
  assert.equal(parseState('4:ACTIVE'), 4)
  for (const text of ['', 'ACTIVE']) assert.throws(() => parseState(text), /begin with a number/)
})
