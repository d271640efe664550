import { posix } from 'node:path'
import type { Clock } from '../util/clock.ts'
import { Dir } from './fs/dir.ts'
import { type Facts, hostFacts } from './fs/facts.ts'
import { diskFiles, type FileReader } from './fs/files.ts'
import { createKernel, type Kernel } from './kernel.ts'
import { parseStat } from './parse/stat.ts'
import { hostServices, type Services } from './services.ts'
import { HostStatfs, type Statfs } from './syscall/statfs.ts'

/** The host as collectors see it: its trees, and the calls that have no file. */
export interface Host {
  readonly proc: Dir
  readonly sys: Dir
  /** The host's root file system. */
  readonly rootfs: Dir
  /** udev's database, /run/udev/data. */
  readonly udev: Dir
  /** Programs on this host that answer over a socket. */
  readonly services: Services
  /** How full file systems are. */
  readonly statfs: Statfs
  /** What the host tells by call or environment and not by file. */
  readonly facts: Facts
  /** What the kernel tells by no file, only by system calls. */
  readonly kernel: Kernel
  /** A directory that an option names: absolute, or seen from where the agent was started. */
  readonly dirAt: (path: string) => Dir
}

/** Where the host's trees are mounted, and what the environment says of its services. */
export interface HostOptions {
  readonly paths: {
    readonly procfs: string
    readonly sysfs: string
    readonly rootfs: string
    readonly udevData: string
  }
  /** TZ. */
  readonly timezone: string | undefined
  /** DBUS_SYSTEM_BUS_ADDRESS. */
  readonly busAddress: string | undefined
}

export interface OpenHost extends Host {
  /** The agent's own process, whatever `paths.procfs` says. */
  readonly self: Dir
  /** Of the kernel that the agent runs on, in seconds since the epoch. */
  readonly bootTimeSeconds: number
  close(): void
}

/** Opens the host for collectors, on these files. `close` lets go of what that holds. */
export function openHost(
  { paths, timezone, busAddress }: HostOptions,
  clock: Clock,
  filesAt: (root: string) => FileReader = diskFiles,
): OpenHost {
  const opened: FileReader[] = []
  const filesOf = (root: string): FileReader => {
    const files = filesAt(root)
    opened.push(files)
    return files
  }
  const tree = (root: string) => new Dir(filesOf(root), root)
  const statfs = new HostStatfs({ clock })
  const kernel = createKernel()
  const elsewhere = filesOf('.')
  return {
    proc: tree(paths.procfs),
    sys: tree(paths.sysfs),
    rootfs: tree(paths.rootfs),
    udev: tree(paths.udevData),
    statfs,
    services: hostServices(busAddress),
    facts: hostFacts(timezone),
    kernel,
    dirAt: (path) => new Dir(elsewhere, posix.normalize(path)),
    self: tree('/proc/self'),
    bootTimeSeconds: parseStat(tree('/proc').read('stat')).totals.get('btime') ?? 0,
    close() {
      for (const files of opened) files.close()
      statfs.close()
      kernel.close()
    },
  }
}

/** A UUID that is another one after each boot; empty where the kernel tells none. */
export const thisBoot = (): string =>
  new Dir(diskFiles('/proc'), '/proc').readIfAny('sys/kernel/random/boot_id')?.trim() ?? ''
