import { closeSync } from 'node:fs'
import { getSystemErrorName } from 'node:util'
import { decodeUtf8 } from '../fs/text.ts'

/** Thrown if system calls are not available in this process. */
export class NoKernel extends Error {}

/**
 * Functions of libc that Node does not offer. They throw errors with the errno as `code`. Functions that may block, for
 * example on a lock of a network driver, run in the thread pool and return promises.
 */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  /** Sends to a netlink socket: the kernel processes the request before send(2) returns. */
  send(socket: number, bytes: Buffer): Promise<number>
  /** Sends one datagram; `address` contains a `struct sockaddr`. */
  sendTo(socket: number, bytes: Buffer, address: Buffer): Promise<number>
  /** Receives at most `into.length` bytes. With MSG_TRUNC it returns the full length of the message. */
  receive(socket: number, into: Buffer, flags: number): number
  /** `argument` must have the length of the request's structure: the kernel cannot check it. */
  ioctl(fd: number, request: number, argument: Buffer): Promise<number>
  /** The address of a buffer, for a pointer in a structure. The caller must keep the buffer alive until the call returns. */
  address(of: Buffer): bigint
  adjtimex(into: Buffer): number
  /** Name of a network device; undefined if no device has this index. */
  interfaceName(index: number): string | undefined
  /** perf_event_open(2): a descriptor that counts an event of all processes on one processor. */
  perfEventOpen(attributes: Buffer, cpu: number): number
  /** Ends the zombie of a child; does not block. */
  waitpid(pid: number): number
  close(fd: number): void
}

/** The used part of koffi's API. */
export interface Koffi {
  load(path: null): { func(definition: string): Native }
  errno(): number
  address(of: Buffer): bigint
}

type Native = ((...parameters: readonly unknown[]) => number) & {
  async(...parameters: readonly [...unknown[], (error: Error | null, result: number) => void]): void
}

/** `syscall(2)` numbers differ by processor. */
const perfEventOpenNumber: Readonly<Record<string, number>> = { x64: 298, arm64: 241 }

/** WNOHANG */
const noHang = 1

/** IF_NAMESIZE, including the zero byte. */
const interfaceNameBytes = 16

/** MSG_NOSIGNAL */
const noSignal = 0x4000

/** FD_CLOEXEC is bit 3 of perf_event_open's flags. */
const closeOnExec = 8

/** Loads koffi, which calls C functions. Throws NoKernel if koffi is not installed or does not load. */
export async function loadLibc(load: (name: string) => Promise<unknown> = imported): Promise<Libc> {
  const koffi = await loadKoffi(load)
  // The symbols of this process: Node is linked with the distribution's libc.
  const libc = koffi.load(null)
  const native = (definition: string) => {
    const name = /(\w+)\(/.exec(definition)?.[1] ?? ''
    const call = libc.func(definition)
    const checked = (result: number) => {
      if (result < 0) throw failure(name, koffi.errno())
      return result
    }
    const here = (...parameters: readonly unknown[]): number => checked(call(...parameters))
    const inThread = (...parameters: readonly unknown[]) =>
      new Promise<number>((resolve, reject) => {
        call.async(...parameters, (error, result) => {
          // Read errno in this callback: another call may change it before the next turn of the event loop.
          if (error !== null) reject(error)
          else if (result < 0) reject(failure(name, koffi.errno()))
          else resolve(result)
        })
      })
    return { here, inThread }
  }
  const socket = native('int socket(int domain, int type, int protocol)')
  const send = native('long send(int fd, const void *bytes, size_t length, int flags)')
  const sendTo = native(
    'long sendto(int fd, const void *bytes, size_t length, int flags, const void *address, unsigned int addressLength)',
  )
  const recv = native('long recv(int fd, void *into, size_t length, int flags)')
  const ioctl = native('int ioctl(int fd, unsigned long request, void *argument)')
  const adjtimex = native('int adjtimex(void *into)')
  const syscall = native('long syscall(long number, const void *attributes, int pid, int cpu, int group, long flags)')
  const waitpid = native('int waitpid(int pid, void *status, int options)')
  // Returns a pointer, or null.
  const indexToName: (index: number, into: Buffer) => unknown = libc.func(
    'void *if_indextoname(unsigned int index, void *into)',
  )
  return {
    socket: (domain, type, protocol) => socket.here(domain, type, protocol),
    send: (fd, bytes) => send.inThread(fd, bytes, bytes.length, 0),
    sendTo: (fd, bytes, address) => sendTo.inThread(fd, bytes, bytes.length, noSignal, address, address.length),
    receive: (fd, into, flags) => recv.here(fd, into, into.length, flags),
    ioctl: (fd, request, argument) => ioctl.inThread(fd, request, argument),
    address: (of) => koffi.address(of),
    adjtimex: (into) => adjtimex.here(into),
    interfaceName(index) {
      const into = Buffer.alloc(interfaceNameBytes)
      return indexToName(index, into) != null ? decodeUtf8(into.subarray(0, into.indexOf(0))) : undefined
    },
    perfEventOpen(attributes, cpu) {
      const number = perfEventOpenNumber[process.arch]
      if (number === undefined) throw new NoKernel(`perf_event_open: not supported on ${process.arch}`)
      return syscall.here(number, attributes, -1, cpu, -1, closeOnExec)
    },
    waitpid: (pid) => waitpid.here(pid, null, noHang),
    close: closeSync,
  }
}

/** An Error with the properties of node:fs errors, for `isMissing` and `codeOf`. */
export function failure(call: string, errno: number): Error {
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`${code}: ${call}`), { code, errno: -errno, syscall: call })
}

const imported = (name: string): Promise<unknown> => import(name)

/**
 * Loads only koffi's native module, if it is found: a third of the time and half of the memory of koffi's index, which
 * adds only deprecated functions. The names are computed so that no bundler includes them.
 */
export async function loadKoffi(load: (name: string) => Promise<unknown> = imported): Promise<Koffi> {
  let last: unknown
  for (const name of [`@koromix/koffi-${process.platform}-${process.arch}`, 'koffi']) {
    try {
      return ((await load(name)) as { default: Koffi }).default
    } catch (error) {
      last = error
    }
  }
  const why = last instanceof Error ? last.message.split('\n')[0] : String(last)
  throw new NoKernel(`system calls need the optional package koffi, which cannot be loaded: ${why}`)
}
