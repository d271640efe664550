import { closeSync } from 'node:fs'
import { getSystemErrorName } from 'node:util'
import { decodeUtf8 } from '../fs/text.ts'

/** What a kernel function throws where system calls cannot be made at all on this host. */
export class NoKernel extends Error {}

/**
 * The few functions of libc that Node has no equivalent of. A failure is thrown, with its errno as `code`. What may
 * have to wait, be it for a lock that a network driver holds, runs on a thread beside the event loop: those give promises.
 */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  /** To a netlink socket: the kernel works on what is asked before it returns. */
  send(socket: number, bytes: Buffer): Promise<number>
  /** One datagram to an address, which is a `struct sockaddr` as it stands in memory. */
  sendTo(socket: number, bytes: Buffer, address: Buffer): Promise<number>
  /** At most as much as `into` holds; with MSG_TRUNC among the flags it answers how long the message is. */
  receive(socket: number, into: Buffer, flags: number): number
  /** `argument` must be as long as the request's structure: the kernel does not know how long it is. */
  ioctl(fd: number, request: number, argument: Buffer): Promise<number>
  /** Where a buffer is, for a structure that points at it. The caller keeps the buffer until the kernel is done. */
  address(of: Buffer): bigint
  adjtimex(into: Buffer): number
  /** A network device's name; undefined where none has this index. */
  interfaceName(index: number): string | undefined
  /** See perf_event_open(2): a descriptor that counts an event on one processor for all processes. */
  perfEventOpen(attributes: Buffer, cpu: number): number
  close(fd: number): void
}

/** What is used of koffi. */
interface Koffi {
  load(path: null): { func(definition: string): Native }
  errno(): number
  address(of: Buffer): bigint
}

type Native = ((...given: readonly unknown[]) => number) & {
  async(...given: readonly [...unknown[], (error: Error | null, result: number) => void]): void
}

/** `syscall(2)` numbers differ by processor. */
const perfEventOpenNumber: Readonly<Record<string, number>> = { x64: 298, arm64: 241 }

/** IF_NAMESIZE, the zero byte with it. */
const interfaceNameBytes = 16

/** MSG_NOSIGNAL */
const noSignal = 0x4000

/** FD_CLOEXEC is bit 3 of perf_event_open's flags. */
const closeOnExec = 8

/** Loads koffi, which makes C functions callable. Throws NoKernel where it is not installed or does not work. */
export async function loadLibc(load: (name: string) => Promise<unknown> = imported): Promise<Libc> {
  const koffi = await loadKoffi(load)
  // The symbols of this process: Node is linked with libc, whichever the distribution has.
  const libc = koffi.load(null)
  const native = (definition: string) => {
    const name = /(\w+)\(/.exec(definition)?.[1] ?? ''
    const call = libc.func(definition)
    const checked = (result: number) => {
      if (result < 0) throw failure(name, koffi.errno())
      return result
    }
    const here = (...given: readonly unknown[]): number => checked(call(...given))
    const aside = (...given: readonly unknown[]) =>
      new Promise<number>((resolve, reject) => {
        call.async(...given, (error, result) => {
          // errno is read here, in the callback: by the next turn of the loop another call may have changed it.
          if (error !== null) reject(error)
          else if (result < 0) reject(failure(name, koffi.errno()))
          else resolve(result)
        })
      })
    return { here, aside }
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
  // It answers a pointer, or null.
  const indexToName: (index: number, into: Buffer) => unknown = libc.func(
    'void *if_indextoname(unsigned int index, void *into)',
  )
  return {
    socket: (domain, type, protocol) => socket.here(domain, type, protocol),
    send: (fd, bytes) => send.aside(fd, bytes, bytes.length, 0),
    sendTo: (fd, bytes, address) => sendTo.aside(fd, bytes, bytes.length, noSignal, address, address.length),
    receive: (fd, into, flags) => recv.here(fd, into, into.length, flags),
    ioctl: (fd, request, argument) => ioctl.aside(fd, request, argument),
    address: (of) => koffi.address(of),
    adjtimex: (into) => adjtimex.here(into),
    interfaceName(index) {
      const into = Buffer.alloc(interfaceNameBytes)
      return indexToName(index, into) != null ? decodeUtf8(into.subarray(0, into.indexOf(0))) : undefined
    },
    perfEventOpen(attributes, cpu) {
      const number = perfEventOpenNumber[process.arch]
      if (number === undefined) throw new NoKernel(`perf_event_open: its number on ${process.arch} is not known`)
      return syscall.here(number, attributes, -1, cpu, -1, closeOnExec)
    },
    close: closeSync,
  }
}

/** An Error like those of node:fs, so that `isMissing` and `codeOf` know it. */
export function failure(call: string, errno: number): Error {
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`${code}: ${call}`), { code, errno: -errno, syscall: call })
}

const imported = (name: string): Promise<unknown> => import(name)

/**
 * The native half alone, if it is found: a third of the time and half of the memory of koffi's own index, which
 * only adds what was deprecated. The names are computed so that no bundler follows them.
 */
async function loadKoffi(load: (name: string) => Promise<unknown>): Promise<Koffi> {
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
