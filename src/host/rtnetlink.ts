import type { Libc } from './libc.ts'
import { ask, attributesOf, eachAttribute, numberIn, protocols, textIn, wide } from './netlink.ts'

/* The kernel's tables of the network: https://docs.kernel.org/networking/netlink_spec/, rtnetlink(7) */

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

export interface Neighbour {
  readonly device: string
  /** NUD_… bits. */
  readonly state: number
}

/** A route by one of its ways. */
export interface Route {
  readonly device: string
  /** RTN_…: 1 is unicast. */
  readonly type: number
  /** RTPROT_…: who made it. */
  readonly protocol: number
  /** `default` or `10.0.0.0/8`. */
  readonly destination: string
  readonly gateway: string
  readonly source: string
  readonly priority: number
  /** Of this way among the route's; undefined where it has but one. */
  readonly weight: number | undefined
}

export interface Qdisc {
  readonly device: string
  readonly kind: string
  /** 0 for a device's root. */
  readonly parent: number
  readonly bytes: number
  readonly packets: number
  readonly drops: number
  readonly requeues: number
  readonly overlimits: number
  readonly queueLength: number
  readonly backlog: number
}

const families = { any: 0, inet: 2 } as const
const requests = { link: 18, route: 26, neighbour: 30, qdisc: 38 } as const

/** rtnetlink's messages come after a structure of these lengths. */
const structures = { link: 16, route: 12, neighbour: 12, qdisc: 20 } as const

export async function links(libc: Libc): Promise<readonly Link[]> {
  const found: Link[] = []
  const request = { protocol: protocols.route, type: requests.link, dump: true, body: Buffer.alloc(structures.link) }
  await ask(libc, request, (body) => {
    const link = linkOf(body)
    if (link !== undefined) found.push(link)
  })
  return found
}

/** IFLA_… numbers of what is read: include/uapi/linux/if_link.h. A device has some sixty. */
const linkAttributes = new Set([1, 2, 3, 4, 5, 7, 13, 16, 17, 20, 23, 27, 33, 35, 47, 48, 52])

export function linkOf(body: Buffer): Link | undefined {
  if (body.length < structures.link) return undefined
  const given = attributesOf(body, structures.link, (type) => linkAttributes.has(type))
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

/** The ARP table: IPv4 neighbours, all states. */
export async function neighbours(libc: Libc): Promise<readonly Neighbour[]> {
  const found: Neighbour[] = []
  const nameOf = names(libc)
  const body = Buffer.alloc(structures.neighbour)
  body[0] = families.inet
  const request = { protocol: protocols.route, type: requests.neighbour, dump: true, body }
  await ask(libc, request, (message) => {
    if (message.length < structures.neighbour) return
    const device = nameOf(message.readInt32LE(4))
    if (device !== undefined) found.push({ device, state: message.readUInt16LE(8) })
  })
  return found
}

/** All routes of all tables and address families. */
export async function routes(libc: Libc): Promise<readonly Route[]> {
  const found: Route[] = []
  const nameOf = names(libc)
  const request = { protocol: protocols.route, type: requests.route, dump: true, body: Buffer.alloc(structures.route) }
  await ask(libc, request, (body) => found.push(...routesOf(body, nameOf)))
  return found
}

/** RTA_… numbers: include/uapi/linux/rtnetlink.h. */
export function routesOf(body: Buffer, nameOf: (index: number) => string | undefined): Route[] {
  if (body.length < structures.route) return []
  const given = attributesOf(body, structures.route)
  const length = body.readUInt8(1)
  const of = {
    type: body.readUInt8(7),
    protocol: body.readUInt8(5),
    destination: length === 0 ? 'default' : `${address(given.get(1))}/${length}`,
    source: address(given.get(7)),
    priority: numberIn(given.get(6)) ?? 0,
  }
  const way = (index: number | undefined, gateway: Buffer | undefined, weight?: number): Route[] => {
    const device = index === undefined ? undefined : nameOf(index)
    return device === undefined ? [] : [{ ...of, device, gateway: address(gateway), weight }]
  }
  const multipath = given.get(9)
  if (multipath === undefined) return way(numberIn(given.get(4)), given.get(5))
  return [...nextHops(multipath)].flatMap(({ index, hops, gateway }) => way(index, gateway, hops + 1))
}

/** `struct rtnexthop`: length, flags, hops, interface; then attributes. */
function* nextHops(bytes: Buffer) {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at)
    if (length < 8 || at + length > bytes.length) return
    const gateway = attributesOf(bytes.subarray(at, at + length), 8).get(5)
    yield { index: bytes.readInt32LE(at + 4), hops: bytes.readUInt8(at + 3), gateway }
    at += (length + 3) & ~3
  }
}

/** All queueing disciplines of all devices. */
export async function qdiscs(libc: Libc): Promise<readonly Qdisc[]> {
  const found: Qdisc[] = []
  const nameOf = names(libc)
  const request = { protocol: protocols.route, type: requests.qdisc, dump: true, body: Buffer.alloc(structures.qdisc) }
  await ask(libc, request, (body) => {
    const device = body.length < structures.qdisc ? undefined : nameOf(body.readInt32LE(4))
    if (device !== undefined) found.push(qdiscOf(body, device))
  })
  return found
}

/** TCA_… numbers: include/uapi/linux/rtnetlink.h, gen_stats.h. */
export function qdiscOf(body: Buffer, device: string): Qdisc {
  const given = attributesOf(body, structures.qdisc)
  const parent = body.readUInt32LE(12)
  const stats = given.get(7)
  return {
    device,
    kind: textIn(given.get(1)) ?? '',
    parent: parent === 0xffff_ffff ? 0 : parent,
    ...(stats === undefined ? oldStatistics(given.get(3)) : newStatistics(stats)),
  }
}

/** TCA_STATS2: TCA_STATS_BASIC (bytes of 64, packets of 32 bits) and TCA_STATS_QUEUE. */
function newStatistics(bytes: Buffer) {
  const nested = attributesOf(bytes)
  const [basic, queue] = [nested.get(1), nested.get(3)]
  return {
    bytes: at(basic, 0, 8),
    packets: at(basic, 8),
    queueLength: at(queue, 0),
    backlog: at(queue, 4),
    drops: at(queue, 8),
    requeues: at(queue, 12),
    overlimits: at(queue, 16),
  }
}

/** TCA_STATS, `struct tc_stats`. */
function oldStatistics(bytes: Buffer | undefined) {
  return {
    bytes: at(bytes, 0, 8),
    packets: at(bytes, 8),
    drops: at(bytes, 12),
    overlimits: at(bytes, 16),
    queueLength: at(bytes, 28),
    backlog: at(bytes, 32),
    requeues: 0,
  }
}

const at = (bytes: Buffer | undefined, from: number, length = 4): number =>
  numberIn(bytes?.subarray(from, from + length)) ?? 0

/** Device names by index, each asked for once; undefined for one that is gone. */
function names(libc: Libc): (index: number) => string | undefined {
  const known = new Map<number, string | undefined>()
  return (index) => {
    if (!known.has(index)) known.set(index, libc.interfaceName(index))
    return known.get(index)
  }
}

/** An IP address as text, IPv6 in its short form; empty where there is none. */
function address(bytes: Buffer | undefined): string {
  if (bytes?.length === 4) return bytes.join('.')
  if (bytes?.length !== 16) return ''
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
