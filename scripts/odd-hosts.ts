/*
 * Compares what we print with what the real node_exporter serves on hosts that are not as most are.
 *
 *   npm run odd-hosts -- [HOST…]
 *
 * For each it prints how many of node_exporter's series and values we have, and how many we have beyond; exits with 1
 * if anything differs that docs/differences.md does not list. What this machine cannot make is named and skipped.
 */
import { bareHosts } from './odd/bare.ts'
import { cpus } from './odd/cpus.ts'
import { devicesHosts } from './odd/devices.ts'
import { only } from './odd/host.ts'
import { hidden, NotHere, ofNetwork, ofTree } from './odd/machine.ts'
import { md } from './odd/md.ts'
import { names } from './odd/names.ts'
import { refusing } from './odd/refused.ts'
import { peerProgram, Unavailable } from './peer.ts'

type Comparison = (program: string) => Promise<boolean>

const ofNetworks = [
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
  ...[...cpus, ...devicesHosts, ...names, ...md, ...bareHosts, ...refusing].map(
    (host) => [host.name, (program: string) => ofTree(program, host)] as const,
  ),
  ['hidepid-1', (program) => hidden(program, 'hidepid-1', '1', 'nobody')],
  ['hidepid-2', (program) => hidden(program, 'hidepid-2', '2', 'nobody')],
  [
    'network',
    (program) => ofNetwork(program, 'network', [...only(...ofNetworks).slice(1), '--collector.netdev.address-info']),
  ],
  [
    'network-netlink',
    (program) =>
      ofNetwork(program, 'network-netlink', [
        '--collector.netclass',
        '--collector.netclass.netlink',
        '--collector.netclass_rtnl.with-stats',
      ]),
  ],
  [
    'network-files',
    (program) =>
      ofNetwork(program, 'network-files', [
        '--collector.arp',
        '--no-collector.arp.netlink',
        '--collector.netdev',
        '--no-collector.netdev.netlink',
      ]),
  ],
])

async function main(chosen: readonly string[]): Promise<boolean> {
  const unknown = chosen.filter((name) => !hosts.has(name))
  if (unknown.length > 0) throw new Error(`no host ${unknown.join(', ')}; there are ${[...hosts.keys()].join(', ')}`)
  let good = true
  for (const [name, compared] of hosts) {
    if (chosen.length > 0 && !chosen.includes(name)) continue
    try {
      good = (await compared(peerProgram())) && good
    } catch (error) {
      if (!(error instanceof NotHere || error instanceof Unavailable)) throw error
      console.log(`${name.padEnd(16)} skipped: ${error.message}`)
      good &&= process.env.CI !== 'true'
    }
  }
  return good
}

if (!(await main(process.argv.slice(2)))) process.exitCode = 1
