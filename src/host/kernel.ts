import type { Address } from './fs/facts.ts'
import { allLinkModes, type Ethtool, ethtool, type LinkMode } from './netlink/ethtool.ts'
import { type Link, links } from './netlink/links.ts'
import { type Qdisc, qdiscs } from './netlink/qdiscs.ts'
import { addresses, type Neighbour, neighbours, type Route, routes } from './netlink/route.ts'
import { type AddressFamily, type Sockets, sockets } from './netlink/sock-diag.ts'
import { type WifiInterface, wifi } from './netlink/wifi.ts'
import { type BtrfsVolume, btrfs } from './syscall/btrfs.ts'
import { type Libc, loadLibc } from './syscall/ffi.ts'
import { type Counters, counters } from './syscall/perf.ts'
import { adjtimex, type Timex } from './syscall/timex.ts'

/**
 * Data that the kernel offers only by system calls. It describes the host and network namespace of the agent's process,
 * independent of `path.procfs` and `path.sysfs`. Every method throws NoKernel if system calls are not available.
 */
export interface Kernel {
  adjtimex(): Promise<Timex>
  links(): Promise<readonly Link[]>
  addresses(): Promise<readonly Address[]>
  neighbours(): Promise<readonly Neighbour[]>
  routes(): Promise<readonly Route[]>
  qdiscs(): Promise<readonly Qdisc[]>
  sockets(family: AddressFamily): Promise<Sockets>
  ethtool(device: string): Promise<Ethtool>
  /** Link modes by interface index. */
  linkModes(): Promise<ReadonlyMap<number, LinkMode>>
  wifi(): Promise<readonly WifiInterface[]>
  counters(): Promise<Pick<Counters, 'count'>>
  btrfs(mountpoint: string): Promise<BtrfsVolume>
  /** Closes the perf counters. */
  close(): void
}

/** Loads libc on the first call. */
export function createKernel(load: () => Promise<Libc> = loadLibc): Kernel {
  let loading: Promise<Libc> | undefined
  const libc = () => (loading ??= load())
  let counting: Counters | undefined
  return {
    adjtimex: async () => adjtimex(await libc()),
    links: async () => links(await libc()),
    addresses: async () => addresses(await libc()),
    neighbours: async () => neighbours(await libc()),
    routes: async () => routes(await libc()),
    qdiscs: async () => qdiscs(await libc()),
    sockets: async (family) => sockets(await libc(), family),
    ethtool: async (device) => ethtool(await libc(), device),
    linkModes: async () => allLinkModes(await libc()),
    wifi: async () => wifi(await libc()),
    counters: async () => (counting ??= counters(await libc())),
    btrfs: async (mountpoint) => btrfs(await libc(), mountpoint),
    close: () => counting?.close(),
  }
}
