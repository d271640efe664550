import type { Libc } from '../syscall/ffi.ts'
import { names } from './route.ts'
import { ask, attributesOf, numberIn, protocols, textIn } from './socket.ts'

/* Queueing disciplines: rtnetlink(7), https://docs.kernel.org/networking/netlink_spec/tc.html */

export interface Qdisc {
  readonly device: string
  readonly kind: string
  /** 0 for the root queueing discipline of a device. */
  readonly parent: number
  readonly bytes: number
  readonly packets: number
  readonly drops: number
  readonly requeues: number
  readonly overlimits: number
  readonly queueLength: number
  readonly backlog: number
}

/** RTM_GETQDISC, and the length of `struct tcmsg`. */
const getQdisc = 38
const structure = 20

/** All queueing disciplines of all devices. */
export async function qdiscs(libc: Libc): Promise<readonly Qdisc[]> {
  const found: Qdisc[] = []
  const nameOf = names(libc)
  const request = { protocol: protocols.route, type: getQdisc, dump: true, body: Buffer.alloc(structure) }
  await ask(libc, request, (body) => {
    const device = body.length < structure ? undefined : nameOf(body.readInt32LE(4))
    if (device !== undefined) found.push(qdiscOf(body, device))
  })
  return found
}

/** TCA_… numbers: include/uapi/linux/rtnetlink.h, gen_stats.h. */
export function qdiscOf(body: Buffer, device: string): Qdisc {
  const attributes = attributesOf(body, structure)
  const parent = body.readUInt32LE(12)
  const stats = attributes.get(7)
  return {
    device,
    kind: textIn(attributes.get(1)) ?? '',
    parent: parent === 0xffff_ffff ? 0 : parent,
    ...(stats === undefined ? oldStatistics(attributes.get(3)) : newStatistics(stats)),
  }
}

/** TCA_STATS2: TCA_STATS_BASIC (64-bit bytes, 32-bit packets) and TCA_STATS_QUEUE. */
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
