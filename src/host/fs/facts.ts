import { hostname, machine, networkInterfaces, release, type, version } from 'node:os'

/** Data from Node's system calls and the environment instead of files. */
export interface Facts {
  /** Environment variable TZ; undefined if it is not set. */
  readonly timezone: string | undefined
  uname(): Uname
  addresses(): Address[]
}

/** uname(2) without the domain name, which is in /proc/sys/kernel. */
export interface Uname {
  readonly sysname: string
  readonly nodename: string
  readonly release: string
  readonly version: string
  readonly machine: string
}

/** An address of a network interface. `netmask` is the prefix length. */
export interface Address {
  readonly device: string
  readonly address: string
  readonly netmask: string
}

export const hostFacts = (timezone: string | undefined): Facts => ({
  timezone,
  uname: () => ({
    sysname: type(),
    nodename: hostname(),
    release: release(),
    version: version(),
    machine: machine(),
  }),
  /** Addresses of interfaces that are up. */
  addresses: () =>
    Object.entries(networkInterfaces()).flatMap(([device, all = []]) =>
      all.map(({ address, cidr }) => ({ device, address, netmask: cidr?.split('/')[1] ?? '' })),
    ),
})
