import { spawn } from 'node:child_process'
import { type Log, messageOf, report } from '../../util/log.ts'
import { type Libc, loadLibc } from '../syscall/ffi.ts'
import { messages } from './messages.ts'

/** Notifies the service manager of the agent's state: https://www.freedesktop.org/software/systemd/man/sd_notify.html */
export type Notify = (...lines: readonly string[]) => void

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000

interface Deps {
  readonly log: Log
  readonly load?: () => Promise<Libc>
}

/**
 * Sends messages to the socket `address` (NOTIFY_SOCKET), in order; a leading `@` stands for the zero byte of an abstract
 * socket. Without koffi it runs `systemd-notify`; systemd accepts its messages only with NotifyAccess=all. Never throws:
 * the first failure is logged.
 */
export function createNotify(address: string | undefined, { log, load = loadLibc }: Deps): Notify {
  if (address === undefined || address === '') return () => {}
  let isReported = false
  const failed = (error: unknown) => {
    if (!isReported) report(log, messages.notifyFailed, { socket: address, err: messageOf(error) })
    isReported = true
  }
  if (!/^[/@]/.test(address)) {
    failed(new Error('unsupported address in NOTIFY_SOCKET: use a path that starts with / or @'))
    return () => {}
  }
  let open: Promise<(text: string) => Promise<unknown>> | undefined
  let last = Promise.resolve<unknown>(undefined)
  return (...lines) => {
    last = last
      .then(async () => {
        open ??= load().then(
          (libc) => sender(libc, address),
          () => external,
        )
        await (await open)(lines.join('\n'))
      })
      .catch(failed)
  }
}

function sender(libc: Libc, address: string): (text: string) => Promise<unknown> {
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  const to = socketAddress(address)
  return (text) => libc.sendTo(socket, Buffer.from(text), to)
}

/** struct sockaddr_un: two bytes for the family, then the path with a zero byte at its end, or at its start if abstract. unix(7) */
function socketAddress(address: string): Buffer {
  const isAbstract = address.startsWith('@')
  const bytes = Buffer.from(`__${isAbstract ? `\0${address.slice(1)}` : `${address}\0`}`)
  bytes.writeUInt16LE(AF_UNIX)
  return bytes
}

function external(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('systemd-notify', text.split('\n'), { stdio: 'ignore' })
    child.on('error', reject)
    child.on('exit', (status) => {
      if (status === 0) resolve()
      else reject(new Error(`systemd-notify ended with status ${status}`))
    })
  })
}

/** CLOCK_MONOTONIC in microseconds, which systemd requires with RELOADING=1. */
export const monotonicMicroseconds = (): bigint => process.hrtime.bigint() / 1000n
