import type { Libc } from '../syscall/ffi.ts'
import { ask, attributesOf, eachAttribute, numberIn, protocols, textIn, wide } from './socket.ts'

/* Network interfaces: rtnetlink(7), https://docs.kernel.org/networking/netlink_spec/rt_link.html */

/** `struct rtnl_link_stats64`, by the names that sysfs has for them. */
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
  /** ARPHRD_…: sysfs' `type`. */
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
  /** The device that this one stands on, or its other end; undefined where there is none. */
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

/** IFLA_… numbers of what is read: include/uapi/linux/if_link.h. A device has some sixty. */
const linkAttributes = new Set([1, 2, 3, 4, 5, 7, 13, 16, 17, 20, 23, 27, 33, 35, 47, 48, 52])

export function linkOf(body: Buffer): Link | undefined {
  if (body.length < structure) return undefined
  const given = attributesOf(body, structure, (type) => linkAttributes.has(type))
  return {
    index: body.readInt32LE(4),
    name: textIn(given.get(3)) ?? '',
    type: body.readUInt16LE(2),
    flags: body.readUInt32LE(8),
    address: hardwareAddress(given.get(1)),
    broadcast: hardwareAddress(given.get(2)),
    mtu: numberIn(given.get(4)),
    queueLength: numberIn(given.get(13)),
    operState: numberIn(given.get(16)),
    linkMode: numberIn(given.get(17)),
    group: numberIn(given.get(27)),
    carrier: numberIn(given.get(33)),
    carrierChanges: numberIn(given.get(35)),
    carrierUps: numberIn(given.get(47)),
    carrierDowns: numberIn(given.get(48)),
    link: numberIn(given.get(5)),
    alias: textIn(given.get(20)) ?? '',
    otherNames: otherNames(given.get(52)),
    statistics: statisticsOf(given.get(23), 8) ?? statisticsOf(given.get(7), 4) ?? {},
  }
}

/** IFLA_PROP_LIST holds one IFLA_ALT_IFNAME for each. */
function otherNames(list: Buffer | undefined): readonly string[] {
  const names: string[] = []
  if (list !== undefined) eachAttribute(list, 0, (type, name) => type === 53 && names.push(textIn(name) ?? ''))
  return names
}

/** The counters follow each other; an older kernel has fewer. */
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
