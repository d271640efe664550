import assert from 'node:assert/strict'
import { test } from 'node:test'
import hwmon, { cleaned, readingsOf } from '../../src/collectors/hwmon.ts'
import { collect, collectAll } from '../support/collect.ts'
import { type Tree, under } from '../support/tree.ts'

/** A chip in sysfs: below its device, with links in both directions. */
function chip(name: string, device: string, tree: Tree): Tree {
  const at = `devices/${device}/hwmon/${name}`
  return {
    ...under(at, { ...tree, device: { link: `../../../${device.split('/').at(-1)}` } }),
    [`class/hwmon/${name}`]: { link: `../../${at}` },
  }
}
const chipsOf = async (sys: Tree) =>
  (await collect(hwmon, { sys }))
    .filter((line) => line.includes('_temp_'))
    .map((line) => /chip="(.*?)"/.exec(line)?.[1])
const temp = { temp1_input: '42000\n' }
/** The readings of a sensor with these elements. */
const readings = (sensor: string, elements: Record<string, string>) => [
  ...readingsOf(sensor, new Map(Object.entries(elements))),
]

test('a chip has the name of its device, with its labels and readings', async () => {
  const sys = chip('hwmon0', 'platform/coretemp.0', {
    name: 'coretemp\n',
    temp1_crit: '100000\n',
    temp1_crit_alarm: '0\n',
    temp1_input: '55000\n',
    temp1_label: 'Physical id 0\n',
    uevent: '',
  })
  assert.deepEqual(await collect(hwmon, { sys }), [
    'node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"} 1',
    'node_hwmon_sensor_label{chip="platform_coretemp_0",label="Physical id 0",sensor="temp1"} 1',
    'node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 55',
    'node_hwmon_temp_crit_alarm_celsius{chip="platform_coretemp_0",sensor="temp1"} 0',
    'node_hwmon_temp_crit_celsius{chip="platform_coretemp_0",sensor="temp1"} 100',
  ])
})

test('a chip without a device has its own name, or that of its directory', async () => {
  assert.deepEqual(await chipsOf(under('class/hwmon/hwmon4', { name: 'ACPI Tz__\n', ...temp })), ['acpi_tz'])
  assert.deepEqual(await chipsOf(under('class/hwmon/hwmon4', { name: '\n', ...temp })), ['hwmon4'])
  assert.deepEqual(await chipsOf(chip('hwmon1', 'pci0000:00/0000:00:18.3', temp)), ['pci0000:00_0000:00:18_3'])
})

test('chips of one device are distinguished by their names or directories', async () => {
  const asus = (name: string, own: string) => chip(name, 'platform/asus', { name: own, ...temp })
  assert.deepEqual(await chipsOf({ ...asus('hwmon0', 'asus\n'), ...asus('hwmon1', 'wmi\n') }), [
    'platform_asus_asus',
    'platform_asus_wmi',
  ])
  assert.deepEqual(
    await chipsOf({ ...asus('hwmon0', 'asus\n'), ...asus('hwmon1', 'asus\n'), ...asus('hwmon2', 'wmi\n') }),
    ['platform_asus_hwmon0', 'platform_asus_hwmon1', 'platform_asus_wmi'],
  )
  assert.deepEqual(await chipsOf({ ...asus('hwmon0', ''), ...asus('hwmon1', 'asus\n') }), [
    'platform_asus_asus',
    'platform_asus_hwmon0',
  ])
})

test('names that become equal after cleaning do not clash', async () => {
  const sys = {
    ...chip('hwmon0', 'platform/x', { name: 'a b', ...temp }),
    ...chip('hwmon1', 'platform/x', { name: 'A-B', ...temp }),
  }
  assert.deepEqual(await chipsOf(sys), ['platform_x_hwmon0', 'platform_x_hwmon1'])
})

test("older drivers have the sensors in the device's directory, which takes precedence", async () => {
  const sys = { ...chip('hwmon0', 'platform/x', temp), 'devices/platform/x/temp1_input': '5000\n' }
  assert.deepEqual(await collect(hwmon, { sys }), ['node_hwmon_temp_celsius{chip="platform_x",sensor="temp1"} 5'])
})

test('a sensor that fails or has no number is left out', async () => {
  const sys = chip('hwmon0', 'platform/x', {
    temp1_input: { error: 'EIO' },
    temp2_input: { error: 'EAGAIN' },
    temp3_input: 'abc\n',
    temp4_input: '',
    temp5_input: 'NaN\n',
    temp6_input: '-5\n',
    power1_accuracy: '99.5%\n',
    'temp7_input/x': '1',
    foo1_input: '1\n',
    in_x: '1\n',
  })
  const { lines, success } = await collectAll(hwmon, { sys })
  assert.deepEqual([lines, success], [['node_hwmon_temp_celsius{chip="platform_x",sensor="temp6"} -0.005'], true])
})

test('a label keeps leading white space, and invalid UTF-8 is replaced', async () => {
  const sys = chip('hwmon0', 'platform/x', { temp1_label: Uint8Array.of(0x20, 0x41, 0xff, 0xfe, 0x42, 0x0a, 0x0a) })
  assert.deepEqual(await collect(hwmon, { sys }), [
    'node_hwmon_sensor_label{chip="platform_x",label=" A\uFFFDB",sensor="temp1"} 1',
  ])
})

test('a clock is named by its label and is left out without one', async () => {
  const sys = chip('hwmon4', 'platform/gpu', {
    freq1_input: '214000000\n',
    freq1_label: 'Odd sclk\n',
    freq2_input: '300000000\n',
    freq3_input: '400000000\n',
    freq3_label: '\n',
  })
  assert.deepEqual(await collect(hwmon, { sys }), [
    'node_hwmon_freq_freq_mhz{chip="platform_gpu",sensor=""} 400',
    'node_hwmon_freq_freq_mhz{chip="platform_gpu",sensor="odd_sclk"} 214',
    'node_hwmon_sensor_label{chip="platform_gpu",label="",sensor="freq3"} 1',
    'node_hwmon_sensor_label{chip="platform_gpu",label="Odd sclk",sensor="freq1"} 1',
  ])
})

test('filters select chips and sensors', async () => {
  const sys = {
    ...chip('hwmon0', 'platform/coretemp.0', { temp1_input: '1000\n', temp1_label: 'x', temp2_input: '2000\n' }),
    ...chip('hwmon1', 'platform/nct', { temp1_input: '3000\n' }),
  }
  const names = async (options: Record<string, string>) =>
    (await collect(hwmon, { sys, options })).map((line) => line.split(' ').at(-1))
  assert.deepEqual(await names({ 'chip-include': 'coretemp', 'sensor-exclude': ';temp1$' }), ['2'])
  assert.deepEqual(await names({ 'chip-exclude': 'coretemp' }), ['3'])
  assert.deepEqual(await names({ 'sensor-include': '^platform_nct;' }), ['3'])
})

test('a host without the class directory gives no data', async () => {
  const { success, logged } = await collectAll(hwmon)
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
})

test('each type of sensor has its unit', () => {
  assert.deepEqual(readings('in0', { input: '9', min: '1' }), [
    ['in_volts', 9 * 0.001],
    ['in_min_volts', 0.001],
  ])
  assert.deepEqual(readings('cpu0', { vid: '1200' }), [['cpu_vid_volts', 1200 * 0.001]])
  assert.deepEqual(readings('curr1', { input: '3', crit_alarm: '1' }), [
    ['curr_amps', 0.003],
    ['curr_crit_alarm_amps', 0.001],
  ])
  assert.deepEqual(readings('energy1', { input: '5000000' }), [['energy_joule_total', 5]])
  assert.deepEqual(readings('humidity1', { input: '45000', alarm: '1' }), [
    ['humidity', 0.045],
    ['humidity_alarm', 1],
  ])
  assert.deepEqual(readings('fan1', { input: '10', max: '3', div: '5', min_alarm: '8' }), [
    ['fan_rpm', 10],
    ['fan_max_rpm', 3],
    ['fan_div', 5],
    ['fan_min_alarm', 8],
  ])
  assert.deepEqual(readings('temp1', { type: '3', fault: '1', beep: '1', offset: '-5000' }), [
    ['temp_type', 3],
    ['temp_fault', 1],
    ['temp_beep_enabled', 1],
    ['temp_offset_celsius', -5],
  ])
  assert.deepEqual(
    readings('power1', { average: '4000000', average_interval_max: '2000', accuracy: '5', alarm: '1' }),
    [
      ['power_average_watt', 4],
      ['power_average_interval_max_seconds', 2],
      ['power_accuracy', 5e-6],
      ['power_alarm', 1],
    ],
  )
  assert.deepEqual(readings('intrusion0', { alarm: '1', beep: '0' }), [
    ['intrusion_alarm', 1],
    ['intrusion_beep_enabled', 0],
  ])
  assert.deepEqual(readings('vrm0', { '': '9' }), [['voltage_regulator_version', 9]])
  assert.deepEqual(readings('update_interval0', { '': '2000' }), [['update_interval_seconds', 2]])
  assert.deepEqual(
    [...readings('beep_enable0', { '': '1' }), ...readings('beep_enable1', { '': '3' })],
    [
      ['beep_enabled', 1],
      ['beep_enabled', 0],
    ],
  )
})

test('the suffix input is kept only next to a value without a name', () => {
  assert.deepEqual(readings('pwm1', { '': '100', input: '44', enable: '1' }), [
    ['pwm', 100],
    ['pwm_input', 44],
    ['pwm_enable', 1],
  ])
  assert.deepEqual(readings('energy1', { '': '4000000', input: '5000000' }), [
    ['energy_joule_total', 4],
    ['energy_input_joule_total', 5],
  ])
})

test('names are cleaned', () => {
  assert.equal(cleaned('__Xé-y..'), 'x__y')
  assert.equal(cleaned('0000:00:18.3'), '0000:00:18_3')
})
