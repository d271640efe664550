import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Libc } from '../../src/host/syscall/ffi.ts'

/** A C library that has only these functions. */
export function libcOf(given: Partial<Libc>): Libc {
  const missing = (name: string) => () => {
    throw new Error(`${name} was called`)
  }
  const names = ['socket', 'send', 'sendTo', 'receive', 'ioctl', 'address', 'adjtimex', 'interfaceName'] as const
  const none = Object.fromEntries([...names, 'perfEventOpen', 'close'].map((name) => [name, missing(name)]))
  return { ...(none as unknown as Libc), ...given }
}

/** A netlink socket that answers each request with these datagrams and records it in `requests`. */
export function netlinkOf(answer: (request: Buffer) => readonly Buffer[]) {
  const requests: Buffer[] = []
  const open = new Map<number, Buffer[]>()
  let next = 3
  const libc = libcOf({
    socket() {
      open.set(next, [])
      return next++
    },
    async send(socket, bytes) {
      requests.push(bytes)
      open.set(socket, [...answer(bytes)])
      return bytes.length
    },
    receive(socket, into, flags) {
      const waiting = open.get(socket) ?? []
      const [datagram] = waiting
      if (datagram === undefined) throw Object.assign(new Error('EAGAIN: recv'), { code: 'EAGAIN' })
      datagram.copy(into)
      if ((flags & peek) === 0) waiting.shift()
      return (flags & truncate) === 0 ? Math.min(datagram.length, into.length) : datagram.length
    },
    interfaceName: (index) => interfaces[index],
    close: (socket) => void open.delete(socket),
  })
  return { libc, requests, open }
}

const [peek, truncate] = [0x02, 0x20]

/** The interfaces of the network namespace of the recordings. */
const interfaces: Readonly<Record<number, string>> = { 1: 'lo', 2: 'v0', 3: 'br0', 4: 'v3', 5: 'v2' }

/** Recorded answers of kernel 6.18: each datagram after its length. */
export function recorded(name: string): Buffer[] {
  const bytes = readFileSync(join(import.meta.dirname, '../host/recorded', `${name}.bin`))
  const datagrams: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at)
    datagrams.push(bytes.subarray(at + 4, end))
    at = end
  }
  return datagrams
}

/** A netlink message; `flags` 2 (NLM_F_MULTI): more messages of the answer follow. */
export function message(type: number, body: Buffer, flags = 2): Buffer {
  const head = Buffer.alloc(16)
  head.writeUInt32LE(16 + body.length, 0)
  head.writeUInt16LE(type, 4)
  head.writeUInt16LE(flags, 6)
  return Buffer.concat([head, body, Buffer.alloc(-body.length & 3)])
}

/** The message that ends an answer, with an errno if it failed. */
export const done = (errno = 0): Buffer => message(3, int(-errno))

/** The error message to a request. */
export const refused = (errno: number): Buffer => message(2, Buffer.concat([int(-errno), Buffer.alloc(16)]), 0)

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
