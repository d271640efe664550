import { below, type OddHost, only, type Tree } from './host.ts'

/* Errors of drivers in place of a reading, and files without permission for an ordinary user. */

const errno = {
  EIO: 5,
  ENXIO: 6,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  ENODEV: 19,
  EINVAL: 22,
  ENODATA: 61,
  EOPNOTSUPP: 95,
}

const chip = (name: string, more: Tree): Tree => ({ name: `${name}\n`, ...more })
const zone = (type: string): Tree => ({ type: `${type}\n`, policy: 'step_wise\n', temp: '41000\n', mode: 'enabled\n' })
const cooler: Tree = { type: 'Fan\n', max_state: '3\n', cur_state: '1\n' }
const link: Tree = {
  address: '02:00:00:00:00:01\n',
  carrier: '1\n',
  duplex: 'full\n',
  flags: '0x1002\n',
  mtu: '1500\n',
  operstate: 'down\n',
  phys_port_id: 'x\n',
  phys_switch_id: 'x\n',
  speed: '1000\n',
}
const supply: Tree = {
  type: 'Battery\n',
  capacity: '81\n',
  present: '1\n',
  voltage_now: '12229000\n',
  current_now: '5\n',
}
const frequencies: Tree = {
  cpuinfo_cur_freq: '1500000\n',
  cpuinfo_max_freq: '3500000\n',
  cpuinfo_min_freq: '1400000\n',
  scaling_available_governors: 'performance powersave\n',
  scaling_cur_freq: '1500000\n',
  scaling_driver: 'intel_pstate\n',
  scaling_governor: 'powersave\n',
  related_cpus: '0\n',
  scaling_setspeed: '<unsupported>\n',
}
const pressure = 'some avg10=0.00 avg60=0.00 avg300=0.00 total=15\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n'

/** A machine with sensors, batteries and radios. */
const laptop: Tree = {
  ...below('proc', {
    stat: 'cpu0 1 2 3 4 5 6 7 8 9 10\nctxt 5\nbtime 1700000000\n',
    self: { link: '1' },
    '1/x': '',
    slabinfo: 'slabinfo - version: 2.1\n# name <active_objs>\ndentry 1 2 3 4 5 : tunables 0 0 0 : slabdata 1 1 0\n',
    ...below('pressure', { cpu: pressure, io: pressure, memory: pressure, irq: pressure }),
  }),
  ...below('sys/class/hwmon', {
    ...below('hwmon0', chip('coretemp', { temp1_input: '41000\n', temp1_label: 'Package\n', temp2_input: '40000\n' })),
    ...below('hwmon1', chip('iwlwifi_1', { temp1_input: '39000\n' })),
    ...below('hwmon2', chip('amdgpu', { power1_average: '9000000\n', fan1_input: '1200\n', in0_input: '800\n' })),
    ...below(
      'hwmon3',
      chip('thinkpad', { fan1_input: '2000\n', fan2_input: '2100\n', pwm1: '128\n', temp1_input: '1\n' }),
    ),
  }),
  ...below('sys/class/thermal', {
    ...below('thermal_zone0', zone('acpitz')),
    ...below('thermal_zone1', zone('iwlwifi_1')),
    ...below('thermal_zone2', zone('B0D4')),
    ...below('cooling_device0', cooler),
    ...below('cooling_device1', cooler),
    ...below('cooling_device2', cooler),
  }),
  ...below('sys/class/net', { ...below('eth0', link), ...below('wlan0', link), ...below('lo', link) }),
  ...below('sys/class/power_supply', { ...below('BAT0', supply), ...below('BAT1', supply) }),
  ...below('sys/class/powercap', {
    'intel-rapl/enabled': '1\n',
    ...below('intel-rapl:0', { name: 'package-0\n', energy_uj: '5000000\n', max_energy_range_uj: '9\n' }),
  }),
  ...below('sys/class/dmi/id', { product_name: 'X1\n', product_serial: 'S\n', product_uuid: 'U\n', sys_vendor: 'V\n' }),
  ...below('sys/class/watchdog/watchdog0', {
    identity: 'iTCO_wdt\n',
    state: 'inactive\n',
    timeleft: '5\n',
    timeout: '30\n',
  }),
  ...below('sys/devices/system/cpu', { offline: '\n', ...below('cpu0/cpufreq', frequencies), 'cpu1/uevent': '' }),
}

const collectors = [
  'cpufreq',
  'dmi',
  'hwmon',
  'netclass',
  'powersupplyclass',
  'pressure',
  'rapl',
  'slabinfo',
  'thermal_zone',
  'watchdog',
]

/** Errors of real drivers: radios that are off, sleeping sensors, interfaces that are down. */
const readErrors: Readonly<Record<string, number>> = {
  'proc/pressure/irq': errno.EOPNOTSUPP,
  ...Object.fromEntries(['cpu', 'io', 'memory'].map((resource) => [`proc/pressure/${resource}`, errno.EOPNOTSUPP])),
  'sys/class/hwmon/hwmon0/temp2_input': errno.EAGAIN,
  'sys/class/hwmon/hwmon1/temp1_input': errno.ENODATA,
  'sys/class/hwmon/hwmon2/power1_average': errno.EINVAL,
  'sys/class/hwmon/hwmon2/fan1_input': errno.EOPNOTSUPP,
  'sys/class/hwmon/hwmon3/fan2_input': errno.ENXIO,
  'sys/class/hwmon/hwmon3/temp1_input': errno.EIO,
  'sys/class/hwmon/hwmon3/pwm1': errno.ENODEV,
  'sys/class/thermal/cooling_device1/cur_state': errno.EINVAL,
  'sys/class/thermal/cooling_device2/max_state': errno.EOPNOTSUPP,
  'sys/class/net/eth0/speed': errno.EINVAL,
  'sys/class/net/eth0/duplex': errno.EINVAL,
  'sys/class/net/eth0/carrier': errno.EINVAL,
  'sys/class/net/eth0/phys_port_id': errno.EOPNOTSUPP,
  'sys/class/net/lo/speed': errno.EINVAL,
  'sys/class/net/wlan0/phys_switch_id': errno.EOPNOTSUPP,
  'sys/class/power_supply/BAT1/voltage_now': errno.ENODEV,
  'sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_cur_freq': errno.EACCES,
}

/** Errors that node_exporter reports as 0, or at which it loses other series. */
const fatalInPeer: Readonly<Record<string, number>> = {
  'proc/pressure/irq': errno.EIO,
  'sys/class/thermal/thermal_zone1/temp': errno.ENODATA,
  'sys/class/thermal/thermal_zone2/temp': errno.EAGAIN,
  'sys/class/net/wlan0/mtu': errno.EIO,
  'sys/class/power_supply/BAT0/capacity': errno.EIO,
  'sys/class/power_supply/BAT1/current_now': errno.ENODATA,
  'sys/class/watchdog/watchdog0/timeleft': errno.EOPNOTSUPP,
  'sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq': errno.EBUSY,
}

/** Files that only root can read. */
const rootOnly = [
  'proc/slabinfo',
  'sys/class/dmi/id/product_serial',
  'sys/class/dmi/id/product_uuid',
  'sys/class/powercap/intel-rapl:0/energy_uj',
  'sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_cur_freq',
]

const classes = ['hwmon', 'net', 'power_supply', 'powercap', 'thermal', 'watchdog'].map((name) => `sys/class/${name}`)

const flags = only(...collectors)

export const driverErrorHosts: readonly OddHost[] = [
  { name: 'laptop', tree: laptop, flags },
  { name: 'drivers-errors', tree: laptop, flags, readErrors },
  { name: 'drivers-costly', tree: laptop, flags, readErrors: fatalInPeer },
  { name: 'ordinary-user', tree: laptop, flags, user: 'nobody', unreadable: rootOnly },
  {
    name: 'nothing-allowed',
    tree: laptop,
    flags,
    user: 'nobody',
    unreadable: [...rootOnly, ...classes, 'proc/pressure'],
  },
]
