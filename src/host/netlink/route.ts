import type { Address } from '../fs/facts.ts'
import type { Libc } from '../syscall/ffi.ts'
import { ask, attributesOf, numberIn, protocols } from './socket.ts'

/* The kernel's tables of addresses and ways: rtnetlink(7), https://docs.kernel.org/networking/netlink_spec/ */

export interface Neighbour {
  readonly device: string
  /** NUD_… bits. */
  readonly state: number
}

/** One next hop of a route. */
export interface Route {
  readonly device: string
  /** RTN_…: 1 is unicast. */
  readonly type: number
  /** RTPROT_…: the origin of the route. */
  readonly protocol: number
  /** `default` or `10.0.0.0/8`. */
  readonly destination: string
  readonly gateway: string
  readonly source: string
  readonly priority: number
  /** Weight of this next hop; undefined if the route has only one. */
  readonly weight: number | undefined
}

/** AF_INET */
const ipv4 = 2
const requests = { address: 22, route: 26, neighbour: 30 } as const

/** Lengths of the structures in front of the attributes. */
const structures = { address: 8, route: 12, neighbour: 12 } as const

/** The ARP table: IPv4 neighbours, all states. */
export async function neighbours(libc: Libc): Promise<readonly Neighbour[]> {
  const found: Neighbour[] = []
  const nameOf = names(libc)
  const body = Buffer.alloc(structures.neighbour)
  body[0] = ipv4
  const request = { protocol: protocols.route, type: requests.neighbour, dump: true, body }
  await ask(libc, request, (message) => {
    if (message.length < structures.neighbour) return
    const device = nameOf(message.readInt32LE(4))
    if (device !== undefined) found.push({ device, state: message.readUInt16LE(8) })
  })
  return found
}

/** The addresses of all interfaces, including those that are down. */
export async function addresses(libc: Libc): Promise<readonly Address[]> {
  const found: Address[] = []
  const nameOf = names(libc)
  const body = Buffer.alloc(structures.address)
  await ask(libc, { protocol: protocols.route, type: requests.address, dump: true, body }, (message) => {
    if (message.length < structures.address) return
    const device = nameOf(message.readInt32LE(4))
    const attributes = attributesOf(message, structures.address)
    // IFA_LOCAL first: on a point-to-point link, IFA_ADDRESS is the peer.
    const address = addressIn(attributes.get(2) ?? attributes.get(1))
    if (device !== undefined && address !== '') found.push({ device, address, netmask: String(message.readUInt8(1)) })
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
  const attributes = attributesOf(body, structures.route)
  const length = body.readUInt8(1)
  const of = {
    type: body.readUInt8(7),
    protocol: body.readUInt8(5),
    destination: length === 0 ? 'default' : `${addressIn(attributes.get(1))}/${length}`,
    source: addressIn(attributes.get(7)),
    priority: numberIn(attributes.get(6)) ?? 0,
  }
  const way = (index: number | undefined, gateway: Buffer | undefined, weight?: number): Route[] => {
    const device = index === undefined ? undefined : nameOf(index)
    return device === undefined ? [] : [{ ...of, device, gateway: addressIn(gateway), weight }]
  }
  const multipath = attributes.get(9)
  if (multipath === undefined) return way(numberIn(attributes.get(4)), attributes.get(5))
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

/** Device names by index, each resolved once; undefined for a removed device. */
export function names(libc: Libc): (index: number) => string | undefined {
  const cache = new Map<number, string | undefined>()
  return (index) => {
    if (!cache.has(index)) cache.set(index, libc.interfaceName(index))
    return cache.get(index)
  }
}

/** An IP address as text, IPv6 in its short form; empty if the attribute is missing. */
function addressIn(bytes: Buffer | undefined): string {
  if (bytes?.length === 4) return bytes.join('.')
  if (bytes?.length !== 16) return ''
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
