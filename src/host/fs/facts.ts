import { hostname, machine, networkInterfaces, release, type, version } from 'node:os'

/** What a host tells by system call or environment and not by file. */
export interface Facts {
  /** TZ of the environment; undefined where it is not set. */
  readonly timezone: string | undefined
  uname(): Uname
  addresses(): Address[]
}

/** uname(2), but for the domain name: that one is in /proc/sys/kernel. */
export interface Uname {
  readonly sysname: string
  readonly nodename: string
  readonly release: string
  readonly version: string
  readonly machine: string
}

/** An address of a network interface. `netmask` is the length of the prefix. */
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
  /** Only of interfaces that are up. */
  addresses: () =>
    Object.entries(networkInterfaces()).flatMap(([device, all = []]) =>
      all.map(({ address, cidr }) => ({ device, address, netmask: cidr?.split('/')[1] ?? '' })),
    ),
})
