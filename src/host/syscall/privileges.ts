import { readFileSync } from 'node:fs'
import { failure, loadKoffi } from './ffi.ts'

/** Numbers of capabilities(7), in linux/capability.h. */
const numbers = {
  CAP_DAC_READ_SEARCH: 2,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_NET_BIND_SERVICE: 10,
  CAP_NET_ADMIN: 12,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_PERFMON: 38,
} as const

export type Capability = keyof typeof numbers

/** Those of `wanted` that this process has not. */
export function missingCapabilities(wanted: readonly Capability[]): readonly Capability[] {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`)
  return wanted.filter((one) => ((mask >> BigInt(numbers[one])) & 1n) === 0n)
}

export interface User {
  readonly uid: number
  readonly gid: number
}

/**
 * Starts this program again, with the same arguments, in this process: as another user and with these capabilities, if it
 * has them. Only root with CAP_SETUID and CAP_SETGID can. Returns only if that fails, and then the process must end.
 * Without koffi no capability is kept.
 */
export async function restartAs(user: User, keep: readonly Capability[]): Promise<never> {
  const missing = new Set(missingCapabilities(keep))
  const kept = keep.filter((one) => !missing.has(one)).map((one) => numbers[one])
  const native = await calls().catch(() => undefined)
  const { execPath, execArgv, argv, env } = process
  native?.beforeSwitch(Number(env['LISTEN_FDS'] ?? 0))
  joinGroupsOf(user)
  process.setgid?.(user.gid)
  process.setuid?.(user.uid)
  native?.afterSwitch(kept)
  if (process.execve === undefined) throw new Error('process.execve is not available')
  try {
    process.execve(execPath, [execPath, ...execArgv, ...argv.slice(1)], env)
  } catch (error) {
    throw new Error(`user ${user.uid}, who owns the buffer directory, cannot start ${execPath}`, { cause: error })
  }
  throw new Error('execve(2) returned')
}

/** The supplementary groups of the user; none for a user without a name. */
function joinGroupsOf({ uid, gid }: User): void {
  try {
    const { initgroups } = process as { initgroups?(user: number, extraGroup: number): void } // not in @types/node
    initgroups?.(uid, gid)
  } catch {
    process.setgroups?.([gid])
  }
}

/** linux/prctl.h, linux/capability.h, fcntl.h, sys/resource.h */
const [PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE] = [8, 47, 2]
const LINUX_CAPABILITY_VERSION_3 = 0x20080522
const F_SETFD = 2
const RLIMIT_CORE = 4
/** SD_LISTEN_FDS_START of sd_listen_fds(3) */
const firstPassed = 3

/** System calls that keep capabilities. They work on this thread, and execve(2) uses this thread's. */
async function calls() {
  const koffi = await loadKoffi()
  const libc = koffi.load(null)
  const native = (definition: string) => {
    const call = libc.func(definition)
    return (...parameters: readonly unknown[]) => {
      if (call(...parameters) < 0) throw failure(/(\w+)\(/.exec(definition)?.[1] ?? '', koffi.errno())
    }
  }
  const prctl = native('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)')
  const capset = native('int capset(const void *header, const void *data)')
  const fcntl = native('int fcntl(int fd, int command, int argument)')
  const setrlimit = native('int setrlimit(int resource, const void *limits)')
  return {
    /** `passed`: number of sockets from systemd, which Node would close at execve(2). */
    beforeSwitch(passed: number): void {
      prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
      // Other processes of the user may send SIGABRT. A core would contain what only root may read.
      setrlimit(RLIMIT_CORE, Buffer.alloc(16))
      for (let fd = firstPassed; fd < firstPassed + passed; fd++) fcntl(fd, F_SETFD, 0)
    },
    afterSwitch(kept: readonly number[]): void {
      const header = Buffer.alloc(8)
      header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3)
      capset(header, capabilityData(kept))
      for (const number of kept) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0)
    },
  }
}

/** Two of `struct __user_cap_data_struct`: effective, permitted and inheritable, 32 capabilities each. */
function capabilityData(kept: readonly number[]): Buffer {
  const data = Buffer.alloc(24)
  for (const number of kept)
    for (const set of [0, 4, 8]) {
      const at = (number < 32 ? 0 : 12) + set
      data.writeUInt32LE((data.readUInt32LE(at) | (1 << (number % 32))) >>> 0, at)
    }
  return data
}
