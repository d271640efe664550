import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { compare, type Exposition } from '../../scripts/compare.ts'
import {
  makeNetwork,
  type Network,
  type NetworkNamespace,
  network,
  readBoth as seen,
} from '../../scripts/odd/network.ts'
import { peerProgram } from '../../scripts/peer.ts'
import { program } from '../support/servers.ts'

/*
 * A separate host, made of two network namespaces. The results of hostpush's system calls are compared with those of the
 * real node_exporter. Requires root. Without root the tests are skipped; in CI they fail.
 */

/** Creates the namespaces; undefined if that is not possible. */
function made(t: TestContext, wanted: Network): string | undefined {
  if (program(t, 'ip') === undefined || program(t, 'tc') === undefined) return undefined
  let host: NetworkNamespace
  try {
    host = makeNetwork(wanted)
  } catch (error) {
    if (process.env.CI === 'true') throw error
    t.skip('network namespaces cannot be made here: needs root')
    return undefined
  }
  t.after(() => host[Symbol.dispose]())
  return host.name
}

const readBoth = (namespace: string, flags: readonly string[]) => seen(namespace, peerProgram(), flags)

/** Metrics of the exporter itself, and values that change with time. */
const leftOut = /^(node_exporter_build_info|node_scrape_collector_duration|process_)/
const moving = /^node_timex_(estimated_error|maxerror|offset|frequency|status|sync)/

function assertEqual({ peer, ours }: ReturnType<typeof readBoth>, fewest: number): void {
  const differences = compare(peer, ours, (family) => moving.test(family)).filter(({ family }) => !leftOut.test(family))
  assert.deepEqual(differences, [])
  const count = [...peer.before.values()].reduce((sum, { series }) => sum + series.size, 0)
  assert.ok(count >= fewest, `only ${count} series to compare`)
}

const seriesOf = (page: Exposition, family: string) => [...(page.get(family)?.series.keys() ?? [])]

test('network metrics equal those of node_exporter', (t) => {
  const namespace = made(t, network)
  if (namespace === undefined) return
  const collectors = ['arp', 'ethtool', 'netclass', 'netdev', 'network_route', 'qdisc', 'tcpstat', 'timex']
  const seen = readBoth(namespace, [
    ...collectors.map((name) => `--collector.${name}`),
    '--collector.netdev.address-info',
  ])
  assertEqual(seen, 400)
  const states = seriesOf(seen.ours, 'node_tcp_connection_states').join()
  for (const state of ['close_wait', 'established', 'fin_wait2', 'listen', 'syn_sent'])
    assert.ok(states.includes(state), state)
})

test('the alternative sources of collectors give the same network metrics', (t) => {
  const namespace = made(t, network)
  if (namespace === undefined) return
  assertEqual(
    readBoth(namespace, [
      '--collector.netclass',
      '--collector.netclass.netlink',
      '--collector.netclass_rtnl.with-stats',
    ]),
    250,
  )
  const files = ['--collector.arp', '--no-collector.arp.netlink', '--collector.netdev', '--no-collector.netdev.netlink']
  assertEqual(readBoth(namespace, files), 120)
  const detailed = [
    '--collector.netdev',
    '--collector.netdev.enable-detailed-metrics',
    '--collector.netdev.label-ifalias',
  ]
  assertEqual(readBoth(namespace, detailed), 150)
})

test('every routing protocol number has the same name as in node_exporter', (t) => {
  const routes = Array.from({ length: 256 }, (_, proto) => `route add 10.${proto}.0.0/24 dev v0 proto ${proto}`)
  const namespace = made(t, { ip: ['addr add 192.0.2.1/24 dev v0', 'link set v0 up', ...routes] })
  if (namespace !== undefined) assertEqual(readBoth(namespace, ['--collector.network_route']), 257)
})

test('two hundred interfaces, which need many netlink messages, are all collected', (t) => {
  const pairs = Array.from({ length: 100 }, (_, i) => `link add a${i} type veth peer name b${i}`)
  const namespace = made(t, { ip: pairs })
  if (namespace === undefined) return
  assertEqual(readBoth(namespace, ['--collector.netdev', '--collector.netclass', '--collector.netclass.netlink']), 6000)
})
