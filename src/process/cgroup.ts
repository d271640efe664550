import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { fields, lines } from '../host/index.ts'
import type { Usage } from './usage.ts'

const prefix = 'hostpush-exec-'

/**
 * A cgroup (version 2) for a command and all that comes from it. What has left its parent, or was never waited for,
 * is in it too. https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
export interface Cgroup {
  /** What a shell does to be in it; that it cannot must not keep the command from being run. */
  readonly enter: string
  /** The processes that are in it now. */
  pids(): number[]
  /** What all that ever was in it has used; bytes where its parent has the io controller switched on for it. */
  usage(): Usage | undefined
  /** It stays as long as something is in it: a later one sweeps it away. */
  remove(): void
}

/**
 * Makes one below our own, where that is ours to divide: systemd forbids it to all but those to whom it has delegated
 * theirs, and what root may write says nothing of that.
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

/** Where version 2 is mounted: alone, or beside version 1. */
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
        // something that the command has left behind is in it
      }
    },
  }
}

/** `user_usec 5` of cpu.stat, `8:0 rbytes=1 wbytes=2 ...` of io.stat, a line for each device. */
export function parseUsage(cpu: string | undefined, io: string | undefined): Usage | undefined {
  if (cpu === undefined) return undefined
  const usec = new Map(lines(cpu).map((line) => fields(line) as [string, string]))
  const ticks = (name: string) => Number(usec.get(name) ?? 0) / 10_000
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

/** Those that others have left, as far as they are empty; one that has just been made is, too. */
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
