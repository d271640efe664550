import { codeOf } from '../fs/files.ts'
import { decodeUtf8 } from '../fs/text.ts'
import { failure, type Libc, NoKernel } from '../syscall/ffi.ts'

/*
 * Netlink: datagrams of messages between a process and the kernel. A message is a header of 16 bytes (length, type,
 * flags, sequence, port; in the processor's byte order, which is little-endian wherever Node and koffi run), then a
 * structure that its type implies, then attributes (length, type, value, padded to 4 bytes).
 * https://docs.kernel.org/userspace-api/netlink/intro.html, netlink(7)
 */

/** netlink(7): the subsystem that a socket talks to. */
export const protocols = { route: 0, sockDiag: 4, generic: 16 } as const

export interface Request {
  readonly protocol: number
  readonly type: number
  /** True requests all objects (NLM_F_DUMP), false one answer. */
  readonly dump: boolean
  /** The structure and attributes of the message. */
  readonly body: Buffer
}

const header = 16
const flags = { request: 0x1, multi: 0x2, dump: 0x300 } as const
const types = { noop: 1, error: 2, done: 3, overrun: 4 } as const
/** MSG_DONTWAIT: the kernel has queued the answer before send(2) returns. Without an answer, a blocking read would hang. */
const recvFlags = { peek: 0x02, truncate: 0x20, dontWait: 0x40 } as const
const netlink = { domain: 16, rawCloseOnExec: 3 | 0x80000 } as const

/** The kernel sends a dump in datagrams of at most 32 KiB; the buffer grows for a longer one. */
const initialBytes = 32768

/** Shared receive buffer, allocated on first use: a buffer for each answer cost twenty times its size in memory. */
let receiveBuffer: Buffer | undefined

/** Maximum length of an answer; a longer one is an error. */
const maxBytes = 16 * 1024 * 1024

/** Sends a request and calls `each` with the body of each message of the answer. `each` must not keep the bytes. */
export async function ask(libc: Libc, request: Request, each: (body: Buffer, type: number) => void): Promise<void> {
  const socket = open(libc, request.protocol)
  try {
    await libc.send(socket, messageOf(request))
    // No await from here on, because all calls share the buffer.
    receiveBuffer ??= Buffer.allocUnsafeSlow(initialBytes)
    for (;;) {
      const length = libc.receive(socket, receiveBuffer, recvFlags.peek | recvFlags.truncate | recvFlags.dontWait)
      if (length > maxBytes) throw new Error(`netlink: an answer of ${length} bytes exceeds the limit of ${maxBytes}`)
      if (length > receiveBuffer.length) receiveBuffer = Buffer.allocUnsafeSlow(length)
      // MSG_PEEK left the message in the queue; now it fits.
      const received = libc.receive(socket, receiveBuffer, recvFlags.dontWait)
      if (readDatagram(receiveBuffer.subarray(0, Math.min(received, receiveBuffer.length)), each) === 'end') return
    }
  } finally {
    libc.close(socket)
  }
}

/** A sandbox may forbid netlink sockets: a systemd unit with RestrictAddressFamilies= without AF_NETLINK. */
function open(libc: Libc, protocol: number): number {
  try {
    return libc.socket(netlink.domain, netlink.rawCloseOnExec, protocol)
  } catch (error) {
    if (codeOf(error) !== 'EAFNOSUPPORT') throw error
    throw new NoKernel('netlink sockets are not allowed, check RestrictAddressFamilies= of the unit', {
      cause: error,
    })
  }
}

/** Reads the messages of one datagram; returns `end` if the answer ends with it. */
export function readDatagram(bytes: Buffer, each: (body: Buffer, type: number) => void): 'end' | 'more' {
  let at = 0
  let more = false
  while (at + header <= bytes.length) {
    const length = bytes.readUInt32LE(at)
    const type = bytes.readUInt16LE(at + 4)
    if (length < header || at + length > bytes.length)
      throw new Error(`netlink: invalid message length ${length}, ${bytes.length - at} bytes remain`)
    const body = bytes.subarray(at + header, at + length)
    if (type === types.overrun) throw new Error('netlink: the kernel reported an overrun, messages are lost')
    if (type === types.error || type === types.done) {
      const errno = body.length >= 4 ? -body.readInt32LE(0) : 0
      if (errno > 0) throw failure('netlink', errno)
      return 'end'
    }
    if (type !== types.noop) each(body, type)
    more = (bytes.readUInt16LE(at + 6) & flags.multi) !== 0
    at += aligned(length)
  }
  return more ? 'more' : 'end'
}

function messageOf({ type, dump, body }: Request): Buffer {
  const head = Buffer.alloc(header)
  head.writeUInt32LE(header + body.length, 0)
  head.writeUInt16LE(type, 4)
  head.writeUInt16LE(flags.request | (dump ? flags.dump : 0), 6)
  head.writeUInt32LE(1, 8)
  return Buffer.concat([head, body])
}

/** Encodes one attribute. */
export function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(aligned(4 + value.length))
  bytes.writeUInt16LE(4 + value.length, 0)
  bytes.writeUInt16LE(type, 2)
  value.copy(bytes, 4)
  return bytes
}

/** Calls `each` for the attributes from offset `from` on, in their order. Stops at a truncated one. */
export function eachAttribute(
  bytes: Buffer,
  from: number,
  each: (type: number, value: Buffer) => void,
  of = anyType,
): void {
  for (let at = from; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at)
    if (length < 4 || at + length > bytes.length) return
    // The two highest bits are flags: nested, network byte order.
    const type = bytes.readUInt16LE(at + 2) & 0x3fff
    if (of(type)) each(type, bytes.subarray(at + 4, at + length))
    at += aligned(length)
  }
}

const anyType = (_type: number): boolean => true

/** The attributes by type, optionally only some types. If a type occurs twice, the last one wins. */
export function attributesOf(bytes: Buffer, from = 0, of = anyType): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>()
  eachAttribute(bytes, from, (type, value) => found.set(type, value), of)
  return found
}

/** The text of an attribute, up to a zero byte. */
export function textIn(value: Buffer | undefined): string | undefined {
  if (value === undefined) return undefined
  const end = value.indexOf(0)
  return decodeUtf8(end < 0 ? value : value.subarray(0, end))
}

/** The unsigned number of an attribute with 1, 2, 4 or 8 bytes; undefined for another length. */
export function numberIn(value: Buffer | undefined): number | undefined {
  switch (value?.length) {
    case 1:
    case 2:
    case 4:
      return value.readUIntLE(0, value.length)
    case 8:
      return wide(value, 0)
    default:
      return undefined
  }
}

const aligned = (length: number): number => (length + 3) & ~3

/** A 64-bit number, rounded to double precision: half of the time of a bigint, and no garbage. */
export const wide = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at)
