import type { Libc } from '../syscall/ffi.ts'
import { ask, attributesOf, eachAttribute, numberIn, protocols, textIn, wide } from './socket.ts'

/* Network interfaces: rtnetlink(7), https://docs.kernel.org/networking/netlink_spec/rt_link.html */

/** Fields of `struct rtnl_link_stats64`, with the names of sysfs. */
export const statisticNames = [
  'rx_packets',
  'tx_packets',
  'rx_bytes',
  'tx_bytes',
  'rx_errors',
  'tx_errors',
  'rx_dropped',
  'tx_dropped',
  'multicast',
  'collisions',
  'rx_length_errors',
  'rx_over_errors',
  'rx_crc_errors',
  'rx_frame_errors',
  'rx_fifo_errors',
  'rx_missed_errors',
  'tx_aborted_errors',
  'tx_carrier_errors',
  'tx_fifo_errors',
  'tx_heartbeat_errors',
  'tx_window_errors',
  'rx_compressed',
  'tx_compressed',
  'rx_nohandler',
] as const

export type Statistics = { readonly [name in (typeof statisticNames)[number]]?: number }

export interface Link {
  readonly index: number
  readonly name: string
  /** ARPHRD_…, the file `type` in sysfs. */
  readonly type: number
  readonly flags: number
  readonly address: string
  readonly broadcast: string
  readonly mtu: number | undefined
  readonly queueLength: number | undefined
  /** RFC 2863: 0 unknown … 6 up. */
  readonly operState: number | undefined
  readonly linkMode: number | undefined
  readonly group: number | undefined
  readonly carrier: number | undefined
  readonly carrierChanges: number | undefined
  readonly carrierUps: number | undefined
  readonly carrierDowns: number | undefined
  /** Index of the lower device or of the peer; undefined if there is none. */
  readonly link: number | undefined
  readonly alias: string
  readonly otherNames: readonly string[]
  readonly statistics: Statistics
}

/** RTM_GETLINK, and the length of `struct ifinfomsg`. */
const getLink = 18
const structure = 16

export async function links(libc: Libc): Promise<readonly Link[]> {
  const found: Link[] = []
  await ask(libc, { protocol: protocols.route, type: getLink, dump: true, body: Buffer.alloc(structure) }, (body) => {
    const link = linkOf(body)
    if (link !== undefined) found.push(link)
  })
  return found
}

/** IFLA_… numbers of the parsed attributes: include/uapi/linux/if_link.h. A device has about sixty. */
const linkAttributes = new Set([1, 2, 3, 4, 5, 7, 13, 16, 17, 20, 23, 27, 33, 35, 47, 48, 52])

export function linkOf(body: Buffer): Link | undefined {
  if (body.length < structure) return undefined
  const attributes = attributesOf(body, structure, (type) => linkAttributes.has(type))
  return {
    index: body.readInt32LE(4),
    name: textIn(attributes.get(3)) ?? '',
    type: body.readUInt16LE(2),
    flags: body.readUInt32LE(8),
    address: hardwareAddress(attributes.get(1)),
    broadcast: hardwareAddress(attributes.get(2)),
    mtu: numberIn(attributes.get(4)),
    queueLength: numberIn(attributes.get(13)),
    operState: numberIn(attributes.get(16)),
    linkMode: numberIn(attributes.get(17)),
    group: numberIn(attributes.get(27)),
    carrier: numberIn(attributes.get(33)),
    carrierChanges: numberIn(attributes.get(35)),
    carrierUps: numberIn(attributes.get(47)),
    carrierDowns: numberIn(attributes.get(48)),
    link: numberIn(attributes.get(5)),
    alias: textIn(attributes.get(20)) ?? '',
    otherNames: otherNames(attributes.get(52)),
    statistics: statisticsOf(attributes.get(23), 8) ?? statisticsOf(attributes.get(7), 4) ?? {},
  }
}

/** IFLA_PROP_LIST contains one IFLA_ALT_IFNAME for each name. */
function otherNames(list: Buffer | undefined): readonly string[] {
  const names: string[] = []
  if (list !== undefined) eachAttribute(list, 0, (type, name) => type === 53 && names.push(textIn(name) ?? ''))
  return names
}

/** An array of counters; older kernels have fewer. */
function statisticsOf(bytes: Buffer | undefined, width: 4 | 8): Statistics | undefined {
  if (bytes === undefined) return undefined
  const found: Record<string, number> = {}
  const count = Math.min(statisticNames.length, Math.floor(bytes.length / width))
  for (let i = 0; i < count; i++) {
    found[statisticNames[i] as string] = width === 8 ? wide(bytes, i * width) : bytes.readUInt32LE(i * width)
  }
  return found
}

export const hardwareAddress = (bytes: Buffer | undefined): string =>
  bytes?.toString('hex').replace(/..(?=.)/g, '$&:') ?? ''
