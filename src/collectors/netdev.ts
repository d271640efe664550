import {
  boolean,
  type Context,
  collectEach,
  collectEachAsync,
  collector,
  type Options,
  parseEach,
  pattern,
} from '../collector.ts'
import {
  type Dir,
  fields,
  type Kernel,
  type Link,
  lines,
  NoKernel,
  type Statistics,
  statisticNames,
} from '../host/index.ts'

import { counter, type Filter, familyOf, filterOf, gauge, type Pattern } from '../metrics/index.ts'

const help = (name: string) => `Network interface counter ${name}.`
const total = familyOf((name) => counter(`node_network_${name}_total`, help(name), ['device']))
const totalWithAlias = familyOf((name) => counter(`node_network_${name}_total`, help(name), ['device', 'ifalias']))
const addressInfo = gauge('node_network_address_info', 'An address of an interface; always 1.', [
  'device',
  'address',
  'netmask',
  'scope',
])

/** Name of a metric, and the kernel counters that are added for it. */
type Sum = readonly [name: string, ...parts: (keyof Statistics)[]]

/** The sums that the kernel reports in /proc/net/dev. */
const merged: readonly Sum[] = [
  ['receive_bytes', 'rx_bytes'],
  ['receive_packets', 'rx_packets'],
  ['receive_errs', 'rx_errors'],
  ['receive_drop', 'rx_dropped', 'rx_missed_errors'],
  ['receive_fifo', 'rx_fifo_errors'],
  ['receive_frame', 'rx_length_errors', 'rx_over_errors', 'rx_crc_errors', 'rx_frame_errors'],
  ['receive_compressed', 'rx_compressed'],
  ['receive_multicast', 'multicast'],
  ['receive_nohandler', 'rx_nohandler'],
  ['transmit_bytes', 'tx_bytes'],
  ['transmit_packets', 'tx_packets'],
  ['transmit_errs', 'tx_errors'],
  ['transmit_drop', 'tx_dropped'],
  ['transmit_fifo', 'tx_fifo_errors'],
  ['transmit_colls', 'collisions'],
  ['transmit_carrier', 'tx_carrier_errors', 'tx_aborted_errors', 'tx_window_errors', 'tx_heartbeat_errors'],
  ['transmit_compressed', 'tx_compressed'],
]

const detailed = statisticNames.map((name): Sum => [name.replace(/^rx/, 'receive').replace(/^tx/, 'transmit'), name])

/** The columns of /proc/net/dev. Its sums cannot be split. */
const columns = merged.map(([name]) => name).filter((name) => name !== 'receive_nohandler')

const options = {
  'device-include': pattern('', 'Interfaces to report.'),
  'device-exclude': pattern('', 'Interfaces to exclude.'),
  'device-whitelist': pattern('', 'Deprecated: use device-include.', { hidden: true }),
  'device-blacklist': pattern('', 'Deprecated: use device-exclude.', { hidden: true }),
  netlink: boolean(true, 'Read by netlink instead of /proc/net/dev.'),
  'enable-detailed-metrics': boolean(false, "Report the kernel's counters one by one, not the sums of /proc/net/dev."),
  'label-ifalias': boolean(false, 'Add the label ifalias.'),
  'address-info': boolean(false, 'Also report addresses.'),
} satisfies Options

/** https://docs.kernel.org/networking/statistics.html */
export default collector({
  name: 'netdev',
  about:
    'Reports traffic and error counters of network interfaces. Reads /proc/net/dev and /sys/class/net, or asks by netlink.',
  options,
  state: (options) => ({
    isIncluded: filterOf(
      current(options, 'device-include', 'device-whitelist'),
      current(options, 'device-exclude', 'device-blacklist'),
    ),
  }),
  async collect(context) {
    const { sys, emit, options, interfaces, state } = context
    const isIncluded: Filter = (device) => interfaces(device) && state.isIncluded(device)
    const devices = options.netlink
      ? (fromFiles(context, isIncluded) ?? (await fromKernel(context, isIncluded)))
      : fromProc(context, isIncluded)
    const collectDevice = ([device, counters]: Device) => {
      const ifalias = options['label-ifalias'] ? (sys.text(`class/net/${device}/ifalias`) ?? '') : undefined
      for (const [name, value] of counters) {
        if (ifalias === undefined) emit(total(name), value, { device })
        else emit(totalWithAlias(name), value, { device, ifalias })
      }
    }
    const collectDevices = async () => collectEach(devices, collectDevice)
    const collectAddresses = async () => {
      if (!options['address-info']) return
      for (const { device, address, netmask } of await addressesOf(context))
        if (isIncluded(device)) emit(addressInfo, 1, { device, address, netmask, scope: scopeOf(address) })
    }
    await collectEachAsync([collectDevices, collectAddresses], (part) => part())
  },
})

/** Without netlink, Node's own list of addresses is used; it has only interfaces that are up. */
async function addressesOf({ kernel, facts, warn }: Pick<Context, 'kernel' | 'facts' | 'warn'>) {
  try {
    return await kernel.addresses()
  } catch (error) {
    if (!(error instanceof NoKernel)) throw error
    warn(`no addresses of interfaces that are down: ${error.message}`)
    return facts.addresses()
  }
}

type Sources = Pick<Context<typeof options>, 'kernel' | 'proc' | 'sys' | 'options'>
type Device = readonly [device: string, counters: readonly (readonly [name: string, value: number | undefined])[]]

/**
 * The counters of netlink, read from files at a third of its cost: its sums as /proc/net/dev has them, and from sysfs
 * `rx_nohandler`, the only one that is not in that file. Undefined if an interface has no such file.
 */
function fromFiles({ proc, sys, options }: Sources, isIncluded: Filter): Iterable<Device> | undefined {
  const text = options['enable-detailed-metrics'] ? undefined : proc.readIfAny('net/dev')
  if (text === undefined) return undefined
  const read = (device: string) => sys.number(`class/net/${device}/statistics/rx_nohandler`)
  const rows: (() => Device | undefined)[] = []
  let isComplete = true
  const addRow = ([device, values]: readonly [string, readonly number[]]) => {
    if (!isIncluded(device)) return
    const unhandled = read(device)
    isComplete &&= unhandled !== undefined
    rows.push(() => [
      device,
      [...columns.map((name, i) => [name, values[i]] as const), ['receive_nohandler', unhandled]],
    ])
  }
  try {
    collectEach(parseNetDev(text), addRow)
  } catch (error) {
    rows.push(() => {
      throw error
    })
  }
  return isComplete ? parseEach(rows, (row) => row()) : undefined
}

async function fromKernel({ kernel, sys, options }: Sources, isIncluded: Filter): Promise<Iterable<Device>> {
  const sums = options['enable-detailed-metrics'] ? detailed : merged
  const links = await linksOf(kernel, sys, isIncluded)
  return parseEach(links, ({ name, statistics }) => [
    name,
    sums.map(([sum, ...parts]) => [sum, added(parts.map((part) => statistics[part]))]),
  ])
}

/** Reads the counters by netlink, or from sysfs if system calls are not available. */
async function linksOf(
  kernel: Kernel,
  sys: Dir,
  isIncluded: Filter,
): Promise<Iterable<Pick<Link, 'name' | 'statistics'>>> {
  try {
    return (await kernel.links()).filter(({ name }) => isIncluded(name))
  } catch (error) {
    if (!(error instanceof NoKernel)) throw error
    const links = sys
      .at('class/net')
      .children()
      .filter(({ name }) => isIncluded(name))
    return parseEach(links, (link) => {
      const values = statisticNames.map((name) => [name, link.number(`statistics/${name}`)])
      return { name: link.name, statistics: Object.fromEntries(values) }
    })
  }
}

/** The sum; undefined if all parts are undefined. */
function added(parts: readonly (number | undefined)[]): number | undefined {
  return parts.reduce((sum, part) => (part === undefined ? sum : (sum ?? 0) + part), undefined)
}

function fromProc({ proc, options }: Sources, isIncluded: Filter): Iterable<Device> {
  const full = (name: string) => name.replace(/errs$/, 'errors').replace(/drop$/, 'dropped')
  const names = options['enable-detailed-metrics'] ? columns.map(full) : columns
  return parseEach(parseNetDev(proc.read('net/dev')), ([device, values]) =>
    isIncluded(device) ? [device, names.map((name, i) => [name, values[i]])] : undefined,
  )
}

/** Two header lines, then `eth0: 1 2 …`; a name may contain a colon. */
export function parseNetDev(text: string): Generator<readonly [device: string, values: readonly number[]]> {
  return parseEach(lines(text).slice(2), (line) => {
    const colon = line.lastIndexOf(':')
    const values = fields(line.slice(colon + 1)).map(Number)
    if (colon < 0 || values.length < columns.length || values.some(Number.isNaN))
      throw new Error(`net/dev: ${JSON.stringify(line.slice(0, 80))} is not an interface with its counters`)
    return [line.slice(0, colon).trim(), values]
  })
}

/** As in node_exporter, loopback is link-local, and multicast has no scope. */
function scopeOf(address: string): string {
  if (/^(22[4-9]|23\d)\.|^ff/.test(address)) return ''
  return /^(127\.|169\.254\.|::1$|fe[89ab][0-9a-f]:)/.test(address) ? 'link-local' : 'global'
}

/** The pattern of an option, or of its deprecated name. */
function current<Key extends string>(options: Readonly<Record<Key, Pattern>>, key: Key, former: Key): Pattern {
  if (options[former].source === '') return options[key]
  if (options[key].source !== '') throw new Error(`${key} and ${former} cannot both be set`)
  return options[former]
}
