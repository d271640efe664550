import assert from 'node:assert/strict'
import { test } from 'node:test'
import ethtool, { named } from '../../src/collectors/ethtool.ts'
import type { Ethtool } from '../../src/host/netlink/ethtool.ts'
import { collect, collectAll } from '../support/collect.ts'

const sys = { 'class/net/eth0/mtu': '1500', 'class/net/veth1/mtu': '1500', 'class/net/bonding_masters': 'bond0' }
const nothing: Ethtool = { driver: undefined, settings: undefined, statistics: [], failures: [] }
const drivers = (byDevice: Readonly<Record<string, Partial<Ethtool>>>) => ({
  sys,
  kernel: { ethtool: async (device: string) => ({ ...nothing, ...byDevice[device] }) },
})
const bits =
  (...set: readonly number[]) =>
  (bit: number) =>
    set.includes(bit)

test('it reports the name, version and bus address of a driver', async () => {
  const driver = { name: 'e1000e', version: '5.11', firmware: '0.5-4', bus: '0000:00:1f.6', expansionRom: '' }
  assert.deepEqual(await collect(ethtool, drivers({ eth0: { driver } })), [
    'node_ethtool_info{bus_info="0000:00:1f.6",device="eth0",driver="e1000e",expansion_rom_version="",firmware_version="0.5-4",version="5.11"} 1',
  ])
})

test('supported and advertised link modes are separate metrics', async () => {
  const settings = { autonegotiation: true, supported: bits(0, 5, 6, 7, 13, 31, 32), advertised: bits(5, 6) }
  assert.deepEqual(await collect(ethtool, drivers({ eth0: { settings } })), [
    'node_network_advertised_speed_bytes{device="eth0",duplex="full",mode="1000baseT"} 1.25e+08',
    'node_network_asymmetricpause_advertised{device="eth0"} 0',
    'node_network_asymmetricpause_supported{device="eth0"} 0',
    'node_network_autonegotiate{device="eth0"} 1',
    'node_network_autonegotiate_advertised{device="eth0"} 1',
    'node_network_autonegotiate_supported{device="eth0"} 1',
    'node_network_pause_advertised{device="eth0"} 0',
    'node_network_pause_supported{device="eth0"} 1',
    'node_network_supported_port_info{device="eth0",type="TP"} 1',
    'node_network_supported_speed_bytes{device="eth0",duplex="full",mode="1000baseT"} 1.25e+08',
    'node_network_supported_speed_bytes{device="eth0",duplex="full",mode="25000baseCR"} 3.125e+09',
    'node_network_supported_speed_bytes{device="eth0",duplex="half",mode="10baseT"} 1.25e+06',
  ])
})

test('common statistics have the same metric name for all drivers', () => {
  const of = (name: string) => [...named([[name, 1]]).keys()][0]
  assert.equal(of('rx_packets'), 'received_packets_total')
  assert.equal(of('port.rx_dropped'), 'port_received_dropped')
  assert.equal(of('rx_queue_0_xdp_tx_errors'), 'received_queue_0_xdp_transmitted_errors')
  assert.equal(of('tx_xdp_tx'), 'transmitted_xdp_transmitted')
  assert.equal(of('tx_tx_timeouts'), 'transmitted_tx_timeouts')
  assert.equal(of('rx0_kicks'), 'rx0_kicks')
  assert.equal(of('[0]: Rx Frames'), '0_received_frames')
  assert.equal(of('tx-unicast'), 'transmitted_unicast')
})

test('of two statistics with the same metric name neither is reported', async () => {
  const statistics = [
    ['duplicate metric', 1],
    ['duplicate_metric', 2],
    ['tx_aborted', 3],
  ] as const
  assert.deepEqual(await collect(ethtool, drivers({ eth0: { statistics } })), [
    'node_ethtool_transmitted_aborted{device="eth0"} 3',
  ])
})

test('filters select devices and statistics by name; a file is not a device', async () => {
  const statistics = [
    ['rx.frames', 1],
    ['tx.frames', 2],
  ] as const
  const asked: string[] = []
  const kernel = {
    ethtool: async (device: string) => {
      asked.push(device)
      return { ...nothing, statistics }
    },
  }
  const options = { 'device-exclude': '^veth', 'metrics-include': '^rx_' }
  assert.deepEqual(await collect(ethtool, { sys, kernel, options }), ['node_ethtool_received_frames{device="eth0"} 1'])
  await collect(ethtool, { sys, kernel, interfaces: (name) => name === 'veth1' })
  assert.deepEqual(asked, ['eth0', 'veth1'])
})

test('a failing device is a failure and does not hide the others', async () => {
  const { lines, success, logged } = await collectAll(
    ethtool,
    drivers({ eth0: { failures: ['eth0: driver: EIO'] }, veth1: { statistics: [['peer_ifindex', 2]] } }),
  )
  assert.deepEqual([lines, success], [['node_ethtool_peer_ifindex{device="veth1"} 2'], true])
  assert.match(logged.join(), /eth0: driver: EIO/)
})

test('a host without a class directory gives no data; an empty directory is a failure', async () => {
  assert.match((await collectAll(ethtool)).logged.join(), /^debug Collector has no data/)
  assert.match((await collectAll(ethtool, { sys: { 'class/net/bonding_masters': '' } })).logged.join(), /^error/)
})

test('without system calls the failure says so', async () => {
  assert.match((await collectAll(ethtool, { sys })).logged.join(), /no system calls on this host/)
})
