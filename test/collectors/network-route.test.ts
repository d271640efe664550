import assert from 'node:assert/strict'
import { test } from 'node:test'
import networkRoute from '../../src/collectors/network-route.ts'
import type { Route } from '../../src/host/netlink/route.ts'
import { collect, collectAll } from '../support/collect.ts'

const route = (of: Partial<Route>): Route => ({
  device: 'eth0',
  type: 1,
  protocol: 3,
  destination: 'default',
  gateway: '192.0.2.1',
  source: '',
  priority: 0,
  weight: undefined,
  ...of,
})
const host = (...all: readonly Partial<Route>[]) => ({ kernel: { routes: async () => all.map(route) } })

test('a route has its destination and the protocol that installed it', async () => {
  const lines = await collect(
    networkRoute,
    host(
      { source: '192.0.2.7', priority: 100, protocol: 16 },
      { destination: '10.0.0.0/8', weight: 3, device: 'eth1', protocol: 186 },
      { destination: 'fe80::/64', gateway: '', protocol: 77 },
    ),
  )
  assert.deepEqual(lines, [
    'node_network_route_info{dest="10.0.0.0/8",device="eth1",gw="192.0.2.1",priority="0",proto="bgp",src="",weight="3"} 1',
    'node_network_route_info{dest="default",device="eth0",gw="192.0.2.1",priority="100",proto="dhcp",src="192.0.2.7",weight=""} 1',
    'node_network_route_info{dest="fe80::/64",device="eth0",gw="",priority="0",proto="unknown",src="",weight=""} 1',
    'node_network_routes{device="eth0"} 2',
    'node_network_routes{device="eth1"} 1',
  ])
})

test('only unicast routes count', async () => {
  assert.deepEqual(await collect(networkRoute, host({ type: 2 }, { type: 5 }, { type: 7 })), [])
})

test('a route in two tables is counted twice and reported once, without a log message', async () => {
  const { lines, logged } = await collectAll(networkRoute, host({}, {}))
  assert.equal(lines.length, 2)
  assert.ok(lines.includes('node_network_routes{device="eth0"} 2'))
  assert.deepEqual(logged, [])
})

test('without system calls the failure says so', async () => {
  assert.match((await collectAll(networkRoute)).logged.join(), /no system calls on this host/)
})
