import { type BtrfsVolume, btrfs } from './btrfs.ts'
import { allLinkModes, type Ethtool, ethtool, type LinkMode } from './ethtool.ts'
import type { Address } from './facts.ts'
import { type Libc, loadLibc } from './libc.ts'
import { type Link, links } from './links.ts'
import { type WifiInterface, wifi } from './nl80211.ts'
import { type Counters, counters } from './perf.ts'
import { type Qdisc, qdiscs } from './qdiscs.ts'
import { addresses, type Neighbour, neighbours, type Route, routes } from './rtnetlink.ts'
import { type AddressFamily, type Sockets, sockets } from './sock-diag.ts'
import { adjtimex, type Timex } from './timex.ts'

/**
 * What the kernel tells by no file, only by system calls. It sees the host and the network namespace that the agent
 * runs in, wherever `proc` and `sys` are. Every method throws NoKernel where system calls cannot be made.
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
  /** By the index of the device. */
  linkModes(): Promise<ReadonlyMap<number, LinkMode>>
  wifi(): Promise<readonly WifiInterface[]>
  counters(): Promise<Pick<Counters, 'count'>>
  btrfs(mountpoint: string): Promise<BtrfsVolume>
  /** Lets go of what was counted. */
  close(): void
}

/** Nothing is loaded before the first call. */
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
