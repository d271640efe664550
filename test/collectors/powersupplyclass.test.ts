import assert from 'node:assert/strict'
import { test } from 'node:test'
import supplies from '../../src/collectors/powersupplyclass.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const supply = (name: string, tree: Parameters<typeof under>[1]) => under(`class/power_supply/${name}`, tree)

test('microunits and tenths become base units, some attributes have another name', async () => {
  const sys = supply('BAT0', {
    capacity: '81\n',
    charge_control_limit: '7000000\n',
    charge_now: '6000000\n',
    current_now: '19\n',
    cycle_count: '22\n',
    energy_now: '27000000\n',
    power_now: '4830000\n',
    temp: '381\n',
    temp_ambient_max: '400\n',
    time_to_empty_now: '41\n',
    voltage_now: '12229000\n',
    manufacturer: 'LGC\n',
    type: 'Battery\n',
    serial_number: '\n',
    uevent: 'POWER_SUPPLY_NAME=BAT0\n',
  })
  assert.deepEqual(await collect(supplies, { sys }), [
    'node_power_supply_capacity{power_supply="BAT0"} 81',
    'node_power_supply_charge_ampere{power_supply="BAT0"} 6',
    'node_power_supply_charge_control_limit{power_supply="BAT0"} 7',
    'node_power_supply_current_ampere{power_supply="BAT0"} 1.9e-05',
    'node_power_supply_cyclecount{power_supply="BAT0"} 22',
    'node_power_supply_energy_watthour{power_supply="BAT0"} 27',
    'node_power_supply_info{manufacturer="LGC",power_supply="BAT0",type="Battery"} 1',
    'node_power_supply_power_watt{power_supply="BAT0"} 4.83',
    'node_power_supply_temp_ambient_max_celsius{power_supply="BAT0"} 40',
    'node_power_supply_temp_celsius{power_supply="BAT0"} 38.1',
    'node_power_supply_time_to_empty_seconds{power_supply="BAT0"} 41',
    'node_power_supply_voltage_volt{power_supply="BAT0"} 12.229',
  ])
})

test('an attribute that a battery does not answer is left out, and the rest is collected', async () => {
  const sys = {
    ...supply('AC', { online: '1\n', type: 'Mains\n' }),
    ...supply('BAT0', { capacity: { error: 'EIO' }, present: '1\n', status: { error: 'ENODEV' }, voltage_now: '' }),
  }
  const { lines, success } = await collectAll(supplies, { sys })
  assert.equal(success, false)
  assert.deepEqual(lines, [
    'node_power_supply_info{power_supply="AC",type="Mains"} 1',
    'node_power_supply_info{power_supply="BAT0"} 1',
    'node_power_supply_online{power_supply="AC"} 1',
    'node_power_supply_present{power_supply="BAT0"} 1',
  ])
})

test('a run of invalid UTF-8 becomes one replacement character', async () => {
  const sys = supply('BAT0', { manufacturer: Uint8Array.of(0x41, 0xff, 0xfe, 0x42, 0x0a) })
  assert.deepEqual(await collect(supplies, { sys }), [
    'node_power_supply_info{manufacturer="A\uFFFDB",power_supply="BAT0"} 1',
  ])
})

test('ignored supplies are left out', async () => {
  const sys = { ...supply('AC', { online: '0' }), ...supply('BAT0', { capacity: 'abc' }) }
  assert.deepEqual(await collect(supplies, { sys, options: { 'ignored-supplies': '^BAT' } }), [
    'node_power_supply_info{power_supply="AC"} 1',
    'node_power_supply_online{power_supply="AC"} 0',
  ])
})

test('a host without the class directory gives no data', async () => {
  const { success, logged } = await collectAll(supplies)
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
})
