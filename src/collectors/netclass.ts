import {
  boolean,
  type Context,
  collectEach,
  collector,
  collectParts,
  type Option,
  pattern,
  requireDir,
} from '../collector.ts'
import { type Dir, isMissing, type Kernel, type Link, type LinkMode, NoKernel, statisticNames } from '../host/index.ts'

import { counter, type Family, type Filter, filterOf, gauge } from '../metrics/index.ts'

const info = gauge('node_network_info', 'Non-numeric attributes of an interface; always 1.', [
  'device',
  'address',
  'adminstate',
  'broadcast',
  'duplex',
  'ifalias',
  'operstate',
])
const up = gauge('node_network_up', '1 if the operational state of an interface is up, else 0.', ['device'])
const speed = gauge('node_network_speed_bytes', 'Speed of an interface in bytes a second; negative if unknown.', [
  'device',
])

const numbers: readonly (readonly [file: string, family: Family<'device'>])[] = [
  ['addr_assign_type', gauge('node_network_address_assign_type', 'Origin of the address.', ['device'])],
  ['carrier', gauge('node_network_carrier', 'Whether the interface has a carrier.', ['device'])],
  ['carrier_changes', counter('node_network_carrier_changes_total', 'Changes of the carrier state.', ['device'])],
  ['carrier_down_count', counter('node_network_carrier_down_changes_total', 'Times the carrier was lost.', ['device'])],
  ['carrier_up_count', counter('node_network_carrier_up_changes_total', 'Times the carrier was detected.', ['device'])],
  [
    'dev_id',
    gauge('node_network_device_id', 'Number that distinguishes interfaces with the same address.', ['device']),
  ],
  ['dormant', gauge('node_network_dormant', 'Whether the interface waits for an external event.', ['device'])],
  ['flags', gauge('node_network_flags', 'Flags of the interface (IFF_…) as one number.', ['device'])],
  ['ifindex', gauge('node_network_iface_id', 'Index of the interface.', ['device'])],
  ['iflink', gauge('node_network_iface_link', 'Index of the lower interface, or of the interface itself.', ['device'])],
  ['link_mode', gauge('node_network_iface_link_mode', 'Link policy: 0 default, 1 dormant.', ['device'])],
  ['mtu', gauge('node_network_mtu_bytes', 'Largest transmission unit in bytes.', ['device'])],
  ['name_assign_type', gauge('node_network_name_assign_type', 'Origin of the name.', ['device'])],
  ['netdev_group', gauge('node_network_net_dev_group', 'Group the interface is in.', ['device'])],
  ['tx_queue_len', gauge('node_network_transmit_queue_length', 'Length of the transmit queue in packets.', ['device'])],
  ['type', gauge('node_network_protocol_type', 'Hardware type of the interface (ARPHRD_…).', ['device'])],
]

/** `node_network_info` if it is read by netlink, without the labels that only sysfs has. */
const infoByNetlink = gauge('node_network_info', 'Non-numeric attributes of an interface; always 1.', [
  'device',
  'address',
  'broadcast',
  'duplex',
  'ifalias',
  'operstate',
])
const otherName = gauge('node_network_altnames_info', 'Another name of an interface: always 1.', ['altname', 'device'])
/** Gauges, as in node_exporter. They replace the counters of netdev with the same names. */
const statistics = statisticNames.map((name) => {
  const metric = `node_network_${name.replace(/^rx/, 'receive').replace(/^tx/, 'transmit')}_total`
  return [name, gauge(metric, `Network interface counter ${name}.`, ['device'])] as const
})

/** https://docs.kernel.org/admin-guide/abi-testing.html#abi-file-testing-sysfs-class-net */
export default collector({
  name: 'netclass',
  about: 'Reports the state, speed and settings of network interfaces. Reads /sys/class/net, or asks by netlink.',
  options: {
    'ignored-devices': pattern('^$', 'Interfaces to exclude.'),
    'ignore-invalid-speed': boolean(false, 'Do not report a negative speed.'),
    netlink: boolean(false, 'Read by netlink instead of sysfs.'),
    'rtnl-with-stats': boolean(false, 'With netlink: statistics too.', { flag: 'netclass_rtnl.with-stats' }),
  },
  state: (options) => ({ isIncluded: filterOf(undefined, options['ignored-devices']) }),
  collect(context) {
    const { options, interfaces, state } = context
    const isIncluded: Filter = (device) => interfaces(device) && state.isIncluded(device)
    return options.netlink ? byNetlink(context, isIncluded) : bySysfs(context, isIncluded)
  },
})

type Sources = Context<{ readonly [key in 'ignore-invalid-speed' | 'rtnl-with-stats']: Option<'boolean'> }>

function bySysfs({ sys, emit, options }: Sources, isIncluded: Filter): void {
  const links = requireDir(sys.at('class/net'))
    .children()
    .filter(({ name }) => isIncluded(name))
  collectEach(links, (link) => {
    const device = { device: link.name }
    let isLink = true
    let flags: number | undefined
    const collectState = () => {
      const operstate = link.text('operstate')
      // /sys/class/net/bonding_masters is a file.
      isLink = operstate !== undefined || link.status()?.kind === 'directory'
      if (!isLink) return
      emit(up, operstate === 'up' ? 1 : 0, device)
      flags = link.numberIfAny('flags')
      emit(info, 1, { ...device, operstate: operstate ?? '', adminstate: adminState(flags), ...textsOf(link) })
    }
    const collectNumbers = () => {
      if (!isLink) return
      collectEach(numbers, ([file, family]) =>
        emit(family, file === 'flags' && flags !== undefined ? flags : link.numberIfAny(file), device),
      )
    }
    const collectSpeed = () => {
      const mbits = isLink ? link.numberIfAny('speed') : undefined
      if (mbits === undefined || (mbits < 0 && options['ignore-invalid-speed'])) return
      emit(speed, (mbits * 1e6) / 8, device)
    }
    collectParts(collectState, collectNumbers, collectSpeed)
  })
}

function textsOf(link: Dir) {
  return {
    address: '',
    broadcast: '',
    duplex: '',
    ifalias: '',
    ...link.texts(['address', 'broadcast', 'duplex', 'ifalias']),
  }
}

/** Administrative state: the lowest bit of the flags, IFF_UP. */
function adminState(flags: number | undefined): string {
  if (flags === undefined) return 'unknown'
  return flags % 2 === 0 ? 'down' : 'up'
}

const operStates = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up']
const duplexes = ['Half', 'Full']

/** The speed of a driver that does not know it. */
const unknownSpeed = 0xffff_ffff

/** https://docs.kernel.org/networking/netlink_spec/rt_link.html; three attributes are only in sysfs. */
async function byNetlink(context: Sources, isIncluded: Filter): Promise<void> {
  const { kernel, sys, emit, options, warn } = context
  const replies = await Promise.all([kernel.links(), modesOf(kernel)]).catch((error: unknown) => {
    if (!(error instanceof NoKernel)) throw error
    warn(`sysfs is read instead: ${error.message}`)
  })
  if (replies === undefined) return bySysfs(context, isIncluded)
  const [links, modes] = replies
  collectEach(links, (link) => {
    const device = link.name
    if (!isIncluded(device)) return
    const mode = modes.get(link.index)
    const operstate = operStates[link.operState ?? 0] ?? 'unknown'
    const duplex = mode === undefined ? '' : (duplexes[mode.duplex ?? -1] ?? 'Unknown')
    const { address, broadcast, alias: ifalias } = link
    emit(up, operstate === 'up' ? 1 : 0, { device })
    emit(infoByNetlink, 1, { device, address, broadcast, duplex, ifalias, operstate })
    for (const altname of link.otherNames) emit(otherName, 1, { altname, device })
    const inSysfs = sys.at(`class/net/${device}`)
    for (const [file, family] of numbers) emit(family, fromLink[file]?.(link) ?? inSysfs.number(file), { device })
    const mbits = mode?.speed
    if (mbits !== undefined && !(mbits === unknownSpeed && options['ignore-invalid-speed']))
      emit(speed, (mbits * 1e6) / 8, { device })
    if (options['rtnl-with-stats'])
      for (const [name, family] of statistics) emit(family, link.statistics[name], { device })
  })
}

/** Speed and duplex are in another netlink family, which Linux has since 5.6. */
async function modesOf(kernel: Kernel): Promise<ReadonlyMap<number, LinkMode>> {
  try {
    return await kernel.linkModes()
  } catch (error) {
    if (isMissing(error)) return new Map()
    throw error
  }
}

/** Netlink attributes by the name of their sysfs file. As in node_exporter, `dormant` is the link mode. */
const fromLink: Readonly<Record<string, (link: Link) => number | undefined>> = {
  carrier: (link) => link.carrier,
  carrier_changes: (link) => link.carrierChanges,
  carrier_down_count: (link) => link.carrierDowns,
  carrier_up_count: (link) => link.carrierUps,
  dormant: (link) => link.linkMode,
  flags: (link) => link.flags,
  ifindex: (link) => link.index,
  iflink: (link) => link.link ?? link.index,
  link_mode: (link) => link.linkMode,
  mtu: (link) => link.mtu,
  netdev_group: (link) => link.group,
  tx_queue_len: (link) => link.queueLength,
  type: (link) => link.type,
}
