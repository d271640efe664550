import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { fields, lines } from '../host/index.ts'
import type { Usage } from './usage.ts'

const prefix = 'hostpush-exec-'

/**
 * A cgroup (version 2) for a command and its descendants. It also contains daemons that left their parent and processes
 * that no parent waited for. https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
export interface Cgroup {
  /** Shell command that moves the shell into the cgroup. If it fails, the command runs all the same. */
  readonly enter: string
  /** The processes in the cgroup now. */
  pids(): number[]
  /** Total usage since its creation; bytes only if its parent enables the io controller for it. */
  usage(): Usage | undefined
  /** Deletes the cgroup if it is empty. Otherwise a later `hostpush exec` deletes it. */
  remove(): void
}

/**
 * Creates a cgroup below the one of this process; undefined if that is not allowed. Under systemd only units with
 * `Delegate=` may do so. Root can always write there, so as root under systemd none is created.
 * https://systemd.io/CGROUP_DELEGATION/
 */
export function makeCgroup(pid: number, uid: number, roots: readonly string[] = cgroupRoots): Cgroup | undefined {
  if (uid === 0 && existsSync('/run/systemd/system')) return undefined
  const own = ownCgroup(roots)
  if (own === undefined) return undefined
  try {
    const path = `${own}/${prefix}${pid}`
    mkdirSync(path)
    sweep(own)
    return cgroupAt(path)
  } catch {
    return undefined // read-only, or another user's
  }
}

/** Mount points of version 2: alone, or together with version 1. */
const cgroupRoots = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'] as const

function ownCgroup(roots: readonly string[]): string | undefined {
  const root = roots.find((one) => existsSync(`${one}/cgroup.procs`))
  const line = lines(readText('/proc/self/cgroup') ?? '').find((one) => one.startsWith('0::'))
  if (root === undefined || line === undefined) return undefined
  const path = `${root}${line.slice(3)}`.replace(/\/+$/, '')
  return existsSync(`${path}/cgroup.procs`) ? path : undefined
}

function cgroupAt(path: string): Cgroup {
  return {
    enter: `{ echo $$ >'${path.replaceAll("'", "'\\''")}/cgroup.procs'; } 2>/dev/null`,
    pids: () => lines(readText(`${path}/cgroup.procs`) ?? '').map(Number),
    usage: () => parseUsage(readText(`${path}/cpu.stat`), readText(`${path}/io.stat`)),
    remove() {
      try {
        rmdirSync(path)
      } catch {
        // not empty: the command left a process in it
      }
    },
  }
}

/** `user_usec 5` of cpu.stat, `8:0 rbytes=1 wbytes=2 ...` of io.stat, a line for each device. */
export function parseUsage(cpu: string | undefined, io: string | undefined): Usage | undefined {
  if (cpu === undefined) return undefined
  const valueByName = new Map(lines(cpu).map((line) => fields(line) as [string, string]))
  const ticks = (name: string) => Number(valueByName.get(name) ?? 0) / 10_000
  const bytes = (name: string) =>
    io === undefined
      ? undefined
      : [...io.matchAll(new RegExp(`\\b${name}=(\\d+)`, 'g'))].reduce((sum, [, n]) => sum + Number(n), 0)
  return {
    userTicks: ticks('user_usec'),
    systemTicks: ticks('system_usec'),
    readBytes: bytes('rbytes'),
    writtenBytes: bytes('wbytes'),
  }
}

/** Deletes empty cgroups of ended hostpush processes. A running one may just have created its own, which is still empty. */
function sweep(own: string): void {
  for (const name of readdirSync(own).filter((one) => one.startsWith(prefix)))
    if (!existsSync(`/proc/${name.slice(prefix.length)}`)) cgroupAt(`${own}/${name}`).remove()
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
