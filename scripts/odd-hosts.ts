/*
 * Compares the output of hostpush with the real node_exporter on unusual hosts.
 *
 *   npm run odd-hosts -- [HOST…]
 *
 * For each host it prints how many of node_exporter's series and values hostpush has, and how many extra series. Exits
 * with 1 for a difference that docs/differences.md does not list. Hosts that this machine cannot create are skipped.
 */
import { bareHosts } from './odd/bare.ts'
import { cpuHosts } from './odd/cpus.ts'
import { devicesHosts } from './odd/devices.ts'
import { driverErrorHosts } from './odd/driver-errors.ts'
import { only } from './odd/host.ts'
import { compareHidepid, compareNetwork, compareTree, NotSupported } from './odd/machine.ts'
import { md } from './odd/md.ts'
import { names } from './odd/names.ts'
import { peerProgram, Unavailable } from './peer.ts'

type Comparison = (program: string) => Promise<boolean>

const networkCollectors = [
  'arp',
  'ethtool',
  'netclass',
  'netdev',
  'netstat',
  'network_route',
  'qdisc',
  'sockstat',
  'softnet',
  'tcpstat',
  'udp_queues',
]

const hosts = new Map<string, Comparison>([
  ...[...cpuHosts, ...devicesHosts, ...names, ...md, ...bareHosts, ...driverErrorHosts].map(
    (host) => [host.name, (program: string) => compareTree(program, host)] as const,
  ),
  ['hidepid-1', (program) => compareHidepid(program, 'hidepid-1', '1', 'nobody')],
  ['hidepid-2', (program) => compareHidepid(program, 'hidepid-2', '2', 'nobody')],
  [
    'network',
    (program) =>
      compareNetwork(program, 'network', [...only(...networkCollectors).slice(1), '--collector.netdev.address-info']),
  ],
  [
    'network-netlink',
    (program) =>
      compareNetwork(program, 'network-netlink', [
        '--collector.netclass',
        '--collector.netclass.netlink',
        '--collector.netclass_rtnl.with-stats',
      ]),
  ],
  [
    'network-files',
    (program) =>
      compareNetwork(program, 'network-files', [
        '--collector.arp',
        '--no-collector.arp.netlink',
        '--collector.netdev',
        '--no-collector.netdev.netlink',
      ]),
  ],
])

async function main(selected: readonly string[]): Promise<boolean> {
  const unknown = selected.filter((name) => !hosts.has(name))
  if (unknown.length > 0)
    throw new Error(`unknown host ${unknown.join(', ')}; the hosts are ${[...hosts.keys()].join(', ')}`)
  let isEqual = true
  for (const [name, compareHost] of hosts) {
    if (selected.length > 0 && !selected.includes(name)) continue
    try {
      isEqual = (await compareHost(peerProgram())) && isEqual
    } catch (error) {
      if (!(error instanceof NotSupported || error instanceof Unavailable)) throw error
      console.log(`${name.padEnd(16)} skipped: ${error.message}`)
      isEqual &&= process.env.CI !== 'true'
    }
  }
  return isEqual
}

if (!(await main(process.argv.slice(2)))) process.exitCode = 1
