import assert from 'node:assert/strict'
import { type ExecFileSyncOptions, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { compare, type Exposition, expositionOf } from '../../scripts/compare.ts'
import { peerProgram } from '../../scripts/peer.ts'
import { program } from '../servers.ts'

/*
 * A host of its own, made of two network namespaces: what our system calls see of it is compared with what the real
 * node_exporter sees. Needs root; where that is missing the tests are skipped by name, and in CI they fail.
 */

interface Network {
  readonly ip: readonly string[]
  readonly tc?: readonly string[]
}

/** Makes the namespaces; undefined where that cannot be done. Lines that this kernel does not offer are passed over. */
function network(t: TestContext, { ip, tc = [] }: Network): string | undefined {
  if (program(t, 'ip') === undefined || program(t, 'tc') === undefined) return undefined
  const near = `hostpush-${process.pid}`
  const far = `${near}-far`
  const quiet: ExecFileSyncOptions = { stdio: ['pipe', 'ignore', 'pipe'] }
  try {
    for (const name of [near, far]) execFileSync('ip', ['netns', 'add', name], quiet)
  } catch (error) {
    if (process.env.CI === 'true') throw error
    t.skip('network namespaces cannot be made here: needs root')
    return undefined
  }
  t.after(() => {
    for (const name of [near, far]) execFileSync('ip', ['netns', 'del', name], quiet)
  })
  const batch = (file: string, namespace: string, all: readonly string[]) => {
    try {
      execFileSync(file, ['-n', namespace, '-force', '-batch', '-'], { ...quiet, input: all.join('\n') })
    } catch {
      // some line of it is not offered here
    }
  }
  batch('ip', far, ['link set lo up'])
  batch('ip', near, ['link set lo up', `link add v0 type veth peer name v1 netns ${far}`, ...ip])
  batch('ip', far, ['addr add 10.9.0.2/24 dev v1', 'addr add fd00:9::2/64 dev v1 nodad', 'link set v1 up'])
  batch('tc', near, tc)
  return near
}

/** What both programs say of it with these flags. */
function seenBy(namespace: string, flags: readonly string[]) {
  const args = ['netns', 'exec', namespace, process.execPath, join(import.meta.dirname, 'inside.ts'), peerProgram()]
  const seen = execFileSync('ip', [...args, '--collector.disable-defaults', ...flags], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { before, ours, after } = JSON.parse(seen) as Record<'before' | 'ours' | 'after', string>
  return { peer: { before: expositionOf(before), after: expositionOf(after) }, ours: expositionOf(ours) }
}

/** Of the exporter itself, and what a clock that runs moves. */
const leftOut = /^(node_exporter_build_info|node_scrape_collector_duration|process_)/
const moving = /^node_timex_(estimated_error|maxerror|offset|frequency|status|sync)/

function assertEqual({ peer, ours }: ReturnType<typeof seenBy>, fewest: number): void {
  const differences = compare(peer, ours, (family) => moving.test(family)).filter(({ family }) => !leftOut.test(family))
  assert.deepEqual(differences, [])
  const count = [...peer.before.values()].reduce((sum, { series }) => sum + series.size, 0)
  assert.ok(count >= fewest, `only ${count} series to compare`)
}

const seriesOf = (page: Exposition, family: string) => [...(page.get(family)?.series.keys() ?? [])]

const host: Network = {
  ip: [
    'link add br0 type bridge',
    'link add v2 type veth peer name v3',
    'link add d1 type veth peer name d2',
    'link set v2 master br0',
    'tuntap add dev tap0 mode tap',
    'tuntap add dev tap1 mode tap',
    'addr add 10.9.0.1/24 dev v0',
    'addr add 10.8.0.1/24 dev br0',
    'addr add 10.7.0.1 peer 10.7.0.2/32 dev d1',
    'addr add fd00:9::1/64 dev v0 nodad',
    'addr add fd00:8::1/64 dev br0 nodad',
    ...['v0', 'br0', 'v2', 'v3'].map((name) => `link set ${name} up`),
    'link set v0 alias up"link"ü',
    'link set d1 mode dormant',
    'link set d2 group 7',
    'link property add dev v0 altname another-name-of-veth',
    'route add default via 10.9.0.2 dev v0 src 10.9.0.1 metric 100',
    'route add 10.20.0.0/16 via 10.9.0.2 proto dhcp',
    'route add 10.21.0.0/16 proto bgp nexthop via 10.9.0.2 dev v0 weight 3 nexthop via 10.8.0.9 dev br0 weight 5',
    'route add 10.22.0.0/16 dev v0 table 77 proto 123',
    'route add 10.20.0.0/16 via 10.9.0.2 proto dhcp table 78',
    'route add unreachable 10.23.0.0/16',
    'route add blackhole 10.24.0.0/16',
    'route add 10.25.0.0/16 via inet6 fd00:9::2 dev v0',
    'route add 0.0.0.0/8 dev v0',
    'route add fd00:20::/48 via fd00:9::2 dev v0',
    'route add default via fd00:9::2 dev v0',
    'route add fd00:21::/48 nexthop via fd00:9::2 dev v0 weight 2 nexthop via fd00:8::9 dev br0 weight 7',
    'nexthop add id 5 via 10.9.0.2 dev v0',
    'nexthop add id 6 via 10.8.0.7 dev br0',
    'nexthop add id 7 group 5,10/6,20',
    'route add 10.26.0.0/16 nhid 5',
    'route add 10.27.0.0/16 nhid 7',
    'neigh add 10.9.0.50 lladdr 02:00:00:00:00:50 dev v0 nud permanent',
    'neigh add 10.9.0.51 lladdr 02:00:00:00:00:51 dev v0 nud noarp',
    'neigh add 10.9.0.52 dev v0 nud none',
    'neigh add 10.9.0.53 lladdr 02:00:00:00:00:53 dev v0 nud failed',
    'neigh add 10.8.0.50 lladdr 02:00:00:00:00:50 dev br0 nud stale',
    'neigh add proxy 10.9.0.60 dev v0',
  ],
  tc: [
    'qdisc add dev v0 root handle 1: htb default 1',
    'class add dev v0 parent 1: classid 1:1 htb rate 1mbit',
    'qdisc add dev v0 parent 1:1 handle 10: pfifo limit 5',
    'qdisc add dev v0 handle ffff: ingress',
    'qdisc add dev v2 root tbf rate 100kbit burst 2kb limit 4kb',
  ],
}

test('a network is seen as node_exporter sees it', (t) => {
  const namespace = network(t, host)
  if (namespace === undefined) return
  const collectors = ['arp', 'ethtool', 'netclass', 'netdev', 'network_route', 'qdisc', 'tcpstat', 'timex']
  const seen = seenBy(namespace, [
    ...collectors.map((name) => `--collector.${name}`),
    '--collector.netdev.address-info',
  ])
  assertEqual(seen, 400)
  const states = seriesOf(seen.ours, 'node_tcp_connection_states').join()
  for (const state of ['close_wait', 'established', 'fin_wait2', 'listen', 'syn_sent'])
    assert.ok(states.includes(state), state)
})

test('it is seen alike by the other ways that collectors have', (t) => {
  const namespace = network(t, host)
  if (namespace === undefined) return
  assertEqual(
    seenBy(namespace, ['--collector.netclass', '--collector.netclass.netlink', '--collector.netclass_rtnl.with-stats']),
    250,
  )
  const files = ['--collector.arp', '--no-collector.arp.netlink', '--collector.netdev', '--no-collector.netdev.netlink']
  assertEqual(seenBy(namespace, files), 120)
  const detailed = [
    '--collector.netdev',
    '--collector.netdev.enable-detailed-metrics',
    '--collector.netdev.label-ifalias',
  ]
  assertEqual(seenBy(namespace, detailed), 150)
})

test('every number of who made a route has the same name', (t) => {
  const routes = Array.from({ length: 256 }, (_, proto) => `route add 10.${proto}.0.0/24 dev v0 proto ${proto}`)
  const namespace = network(t, { ip: ['addr add 192.0.2.1/24 dev v0', 'link set v0 up', ...routes] })
  if (namespace !== undefined) assertEqual(seenBy(namespace, ['--collector.network_route']), 257)
})

test('two hundred interfaces come in many messages', (t) => {
  const pairs = Array.from({ length: 100 }, (_, i) => `link add a${i} type veth peer name b${i}`)
  const namespace = network(t, { ip: pairs })
  if (namespace === undefined) return
  assertEqual(seenBy(namespace, ['--collector.netdev', '--collector.netclass', '--collector.netclass.netlink']), 6000)
})
