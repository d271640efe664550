import { collectEachAsync, collector, type Emit, pattern, requireDir } from '../collector.ts'
import type { Dir, Modes, Settings } from '../host/index.ts'

import { familyOf, filterOf, gauge, untyped } from '../metrics/index.ts'

const info = gauge('node_ethtool_info', 'The driver of a network device; always 1.', [
  'bus_info',
  'device',
  'driver',
  'expansion_rom_version',
  'firmware_version',
  'version',
])
const statistic = familyOf((name) => untyped(`node_ethtool_${name}`, `Driver statistic ${name}.`, ['device']))

const flag = (name: string, help: string) => gauge(`node_network_${name}`, help, ['device'])
const speed = (name: string, help: string) =>
  gauge(`node_network_${name}_speed_bytes`, help, ['device', 'duplex', 'mode'])

const negotiates = flag('autonegotiate', 'Whether the device negotiates its speed.')
const port = gauge('node_network_supported_port_info', 'A kind of port that the device has; always 1.', [
  'device',
  'type',
])
const supported = speed('supported', 'A speed that the device supports, in bytes per second.')
const advertised = speed('advertised', 'A speed that the device offers, in bytes per second.')

/** Metrics by bit: ETHTOOL_LINK_MODE_… */
const supportedFlags = [
  [6, flag('autonegotiate_supported', 'Whether the device can negotiate its speed.')],
  [13, flag('pause_supported', 'Whether the device supports pause frames.')],
  [14, flag('asymmetricpause_supported', 'Whether the device supports asymmetric pause frames.')],
] as const
const advertisedFlags = [
  [6, flag('autonegotiate_advertised', 'Whether the device offers to negotiate its speed.')],
  [13, flag('pause_advertised', 'Whether the device offers pause frames.')],
  [14, flag('asymmetricpause_advertised', 'Whether the device offers asymmetric pause frames.')],
] as const
const ports = [
  [7, 'TP'],
  [8, 'AUI'],
  [9, 'MII'],
  [10, 'FIBRE'],
  [11, 'BNC'],
  [16, 'Backplane'],
] as const

/** Link modes of the first 32 bits, as in node_exporter. The speed is in Mbit/s. */
const modes = [
  [0, 10, 'half', '10baseT'],
  [1, 10, 'full', '10baseT'],
  [2, 100, 'half', '100baseT'],
  [3, 100, 'full', '100baseT'],
  [4, 1000, 'half', '1000baseT'],
  [5, 1000, 'full', '1000baseT'],
  [12, 10000, 'full', '10000baseT'],
  [17, 1000, 'full', '1000baseKX'],
  [18, 10000, 'full', '10000baseKX4'],
  [19, 10000, 'full', '10000baseKR'],
  [20, 10000, 'full', '10000baseR_FEC'],
  [21, 20000, 'full', '20000baseMLD2'],
  [22, 20000, 'full', '20000baseKR2'],
  [23, 40000, 'full', '40000baseKR4'],
  [24, 40000, 'full', '40000baseCR4'],
  [25, 40000, 'full', '40000baseSR4'],
  [26, 40000, 'full', '40000baseLR4'],
  [27, 56000, 'full', '56000baseKR4'],
  [28, 56000, 'full', '56000baseCR4'],
  [29, 56000, 'full', '56000baseSR4'],
  [30, 56000, 'full', '56000baseLR4'],
  [31, 25000, 'full', '25000baseCR'],
] as const

/** Names of statistics that most drivers share. */
const common = new Map(
  Object.entries({
    rx_bytes: 'received_bytes_total',
    rx_dropped: 'received_dropped_total',
    rx_errors: 'received_errors_total',
    rx_packets: 'received_packets_total',
    tx_bytes: 'transmitted_bytes_total',
    tx_errors: 'transmitted_errors_total',
    tx_packets: 'transmitted_packets_total',
  }),
)

/** https://docs.kernel.org/networking/ethtool-netlink.html */
export default collector({
  name: 'ethtool',
  about:
    'Reports the driver, link settings and driver statistics of network devices. Asks the kernel by ethtool ioctls.',
  enabled: false,
  options: {
    'device-include': pattern('', 'Devices to report.'),
    'device-exclude': pattern('', 'Devices to exclude.'),
    'metrics-include': pattern('.*', "The drivers' statistics to report."),
  },
  state: (options) => ({ isIncluded: filterOf(options['device-include'], options['device-exclude']) }),
  async collect({ sys, kernel, emit, options, state, interfaces, warn }) {
    const found = requireDir(sys.at('class/net')).children()
    if (!found.some(isDevice)) throw new Error('ethtool: no network devices')
    const devices = found.filter(({ name }) => interfaces(name) && state.isIncluded(name))
    await collectEachAsync(devices.filter(isDevice), async ({ name: device }) => {
      const { driver, settings, statistics, failures } = await kernel.ethtool(device)
      failures.forEach(warn)
      if (driver !== undefined) {
        emit(info, 1, {
          device,
          driver: driver.name,
          version: driver.version,
          firmware_version: driver.firmware,
          bus_info: driver.bus,
          expansion_rom_version: driver.expansionRom,
        })
      }
      if (settings !== undefined) emitSettings(device, settings, emit)
      const included = statistics.filter(([name]) => options['metrics-include'].test(sanitized(name)))
      for (const [name, value] of named(included)) emit(statistic(name), value, { device })
    })
  },
})

/** /sys/class/net/bonding_masters is a file. */
const isDevice = (dir: Dir) => dir.status()?.kind === 'directory'

function emitSettings(device: string, settings: Settings, emit: Emit): void {
  const emitSpeeds = (family: typeof supported, has: Modes) => {
    for (const [bit, megabits, duplex, mode] of modes) {
      if (has(bit)) emit(family, (megabits * 1e6) / 8, { device, duplex, mode })
    }
  }
  emit(negotiates, Number(settings.autonegotiation), { device })
  for (const [bit, family] of supportedFlags) emit(family, Number(settings.supported(bit)), { device })
  for (const [bit, family] of advertisedFlags) emit(family, Number(settings.advertised(bit)), { device })
  for (const [bit, type] of ports) if (settings.supported(bit)) emit(port, 1, { device, type })
  emitSpeeds(supported, settings.supported)
  emitSpeeds(advertised, settings.advertised)
}

/** Statistics by the last part of the metric name. Two statistics with the same name are ambiguous: both are dropped. */
export function named(statistics: readonly (readonly [name: string, value: number])[]): Map<string, number> {
  const found = new Map<string, number>()
  const ambiguous = new Set<string>()
  for (const [raw, value] of statistics) {
    const name = nameOf(raw)
    if (found.has(name)) ambiguous.add(name)
    found.set(name, value)
  }
  for (const name of ambiguous) found.delete(name)
  return found
}

function nameOf(raw: string): string {
  const name = sanitized(raw)
  return (
    common.get(name) ??
    name
      .toLowerCase()
      .replace(/^_+/, '')
      .replace(/(^|_)rx(_|$)/g, '$1received$2')
      .replace(/(^|_)tx(_|$)/g, '$1transmitted$2')
  )
}

const sanitized = (name: string) => name.replace(/_*[^0-9A-Za-z_]+_*/g, '_')
