import assert from 'node:assert/strict'
import { test } from 'node:test'
import thermalZone from '../../src/collectors/thermal-zone.ts'
import { collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const zone = (id: string, tree: Parameters<typeof under>[1]) => under(`class/thermal/thermal_zone${id}`, tree)
const device = (id: string, tree: Parameters<typeof under>[1]) => under(`class/thermal/cooling_device${id}`, tree)

test('it reports the temperature of a zone and the state of a device, which may be -1', async () => {
  const sys = {
    ...zone('0', { type: 'acpitz\n', temp: '49925\n', policy: 'step_wise\n' }),
    ...device('3', { type: 'Processor\n', max_state: '10\n', cur_state: '-1\n' }),
  }
  const { lines, success } = await collectAll(thermalZone, { sys })
  assert.equal(success, true)
  assert.deepEqual(lines, [
    'node_cooling_device_cur_state{name="3",type="Processor"} -1',
    'node_cooling_device_max_state{name="3",type="Processor"} 10',
    'node_thermal_zone_temp{type="acpitz",zone="0"} 49.925',
  ])
})

test('an unreadable zone is left out, not 0 degrees, and does not hide the others', async () => {
  const sys = {
    ...zone('0', { type: 'a', temp: { error: 'EINVAL' } }),
    ...zone('1', { type: 'b', temp: { error: 'EIO' } }),
    ...zone('2', { temp: '-5000\n' }),
    ...zone('3', { type: 'c', temp: '' }),
  }
  const { lines, success, logged } = await collectAll(thermalZone, { sys })
  assert.deepEqual(lines, ['node_thermal_zone_temp{type="",zone="2"} -5'])
  assert.equal(success, true)
  assert.match(logged.join(), /^warn Collector succeeded, .*EIO/)
  assert.doesNotMatch(logged.join(), /fail/)
})

test('an invalid state is a failure and does not hide other samples', async () => {
  const sys = {
    ...device('0', { type: 'a', max_state: 'x', cur_state: '1' }),
    ...device('1', { type: 'b', max_state: '3', cur_state: '2' }),
  }
  const { lines, success } = await collectAll(thermalZone, { sys })
  assert.deepEqual(lines, [
    'node_cooling_device_cur_state{name="0",type="a"} 1',
    'node_cooling_device_cur_state{name="1",type="b"} 2',
    'node_cooling_device_max_state{name="1",type="b"} 3',
  ])
  assert.equal(success, false)
})

test('a host without zones gives no samples and no failure', async () => {
  const { lines, success } = await collectAll(thermalZone)
  assert.deepEqual([lines, success], [[], true])
})
