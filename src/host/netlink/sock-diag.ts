import type { Libc } from '../syscall/ffi.ts'
import { ask, protocols } from './socket.ts'

/** Counts of TCP sockets of one address family. */
export interface Sockets {
  /** Number of sockets by the number of their state, for example 10 for TCP_LISTEN. */
  readonly states: ReadonlyMap<number, number>
  /** Sums over all sockets. For a listening socket: accept queue length, and its limit. */
  readonly receiveQueue: number
  readonly sendQueue: number
}

export type AddressFamily = 'ipv4' | 'ipv6'

const families = { ipv4: 2, ipv6: 10 } as const
const byFamily = 20
const tcp = 6
const allStates = 0xfff

/** `struct inet_diag_req_v2`; ends with a socket id (48 bytes), which stays zero. */
const requestLength = 56

/** `struct inet_diag_msg` */
const messageLength = 72

/** See sock_diag(7). */
export async function sockets(libc: Libc, family: AddressFamily): Promise<Sockets> {
  const body = Buffer.alloc(requestLength)
  body[0] = families[family]
  body[1] = tcp
  body.writeUInt32LE(allStates, 4)
  const states = new Map<number, number>()
  let receiveQueue = 0
  let sendQueue = 0
  await ask(libc, { protocol: protocols.sockDiag, type: byFamily, dump: true, body }, (message) => {
    if (message.length < messageLength) return
    const state = message.readUInt8(1)
    states.set(state, (states.get(state) ?? 0) + 1)
    receiveQueue += message.readUInt32LE(56)
    sendQueue += message.readUInt32LE(60)
  })
  return { states, receiveQueue, sendQueue }
}
