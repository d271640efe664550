import { posix } from 'node:path'
import type { Clock } from '../util/clock.ts'
import { Dir } from './fs/dir.ts'
import { type Facts, hostFacts } from './fs/facts.ts'
import { diskFiles, type FileReader } from './fs/files.ts'
import { observedFiles, type ReadObserver } from './fs/observed-files.ts'
import { type RemoteDirectories, RemoteListings } from './fs/remote-listings.ts'
import { createKernel, type Kernel } from './kernel.ts'
import { parseStat } from './parse/stat.ts'
import { hostServices, type Services } from './services.ts'
import { HostStatfs, type Statfs } from './syscall/statfs.ts'

/** The host as collectors see it: file trees, system calls and services. */
export interface Host {
  readonly proc: Dir
  readonly sys: Dir
  /** The host's root file system. */
  readonly rootfs: Dir
  /** udev's database, /run/udev/data. */
  readonly udev: Dir
  /** Programs that answer over a socket. */
  readonly services: Services
  /** Directories from options that may be on a remote file system. */
  readonly remote: RemoteDirectories
  /** Usage of file systems. */
  readonly statfs: Statfs
  /** Data from Node's calls and the environment instead of files. */
  readonly facts: Facts
  /** Data that the kernel offers only by system calls. */
  readonly kernel: Kernel
  /** A directory from an option: absolute, or relative to the working directory. */
  readonly dirAt: (path: string) => Dir
}

/** Mount points of the host's file trees, and settings from the environment. */
export interface HostOptions {
  readonly paths: {
    readonly procfs: string
    readonly sysfs: string
    readonly rootfs: string
    readonly udevData: string
  }
  /** Environment variable TZ. */
  readonly timezone: string | undefined
  /** Environment variable DBUS_SYSTEM_BUS_ADDRESS. */
  readonly busAddress: string | undefined
}

export interface OpenHost extends Host {
  /** The agent's process in /proc, independent of `paths.procfs`. */
  readonly self: Dir
  /** Boot time of the running kernel, in seconds since the epoch. */
  readonly bootTimeSeconds: number
  /** `sys`, and each read of a file in it is observed. */
  observedSys(observer: ReadObserver): Dir
  close(): void
}

/** Opens the host for collectors. `close` closes descriptors and child processes. */
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
  const remote = new RemoteListings(clock)
  const kernel = createKernel()
  const anyFiles = filesOf('.')
  const sysFiles = filesOf(paths.sysfs)
  return {
    proc: tree(paths.procfs),
    sys: new Dir(sysFiles, paths.sysfs),
    observedSys: (observer) =>
      new Dir(
        observedFiles(sysFiles, observer, () => clock.monotonicMs()),
        paths.sysfs,
      ),
    rootfs: tree(paths.rootfs),
    udev: tree(paths.udevData),
    remote,
    statfs,
    services: hostServices(busAddress),
    facts: hostFacts(timezone),
    kernel,
    dirAt: (path) => new Dir(anyFiles, posix.normalize(path)),
    self: tree('/proc/self'),
    bootTimeSeconds: parseStat(tree('/proc').read('stat')).totals.get('btime') ?? 0,
    close() {
      for (const files of opened) files.close()
      statfs.close()
      remote.close()
      kernel.close()
    },
  }
}

/** The boot id of the kernel: a new UUID at each boot. Empty if the kernel offers none. */
export const thisBoot = (): string =>
  new Dir(diskFiles('/proc'), '/proc').readIfAny('sys/kernel/random/boot_id')?.trim() ?? ''
