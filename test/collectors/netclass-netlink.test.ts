import assert from 'node:assert/strict'
import { test } from 'node:test'
import netclass from '../../src/collectors/netclass.ts'
import type { Kernel } from '../../src/host/kernel.ts'
import { type Link, links } from '../../src/host/netlink/links.ts'
import { failure } from '../../src/host/syscall/ffi.ts'
import { collect, collectAll } from '../support/collect.ts'
import { netlinkOf, recorded } from '../support/libc.ts'

/** The links that a kernel reported. */
const found = await links(netlinkOf(() => recorded('links')).libc)
const [v0] = found.filter(({ name }) => name === 'v0') as [Link]
const options = { netlink: true }
const kernel = (given: Partial<Kernel> = {}) => ({
  links: async () => [v0],
  linkModes: async () => new Map([[v0.index, { speed: 10000, duplex: 1 }]]),
  ...given,
})
const sys = {
  'class/net/v0/addr_assign_type': '1\n',
  'class/net/v0/dev_id': '0x0\n',
  'class/net/v0/name_assign_type': '3\n',
}

test('netlink describes an interface, and sysfs has the attributes that netlink does not have', async () => {
  const { address } = v0
  assert.deepEqual(await collect(netclass, { kernel: kernel(), sys, options }), [
    'node_network_address_assign_type{device="v0"} 1',
    'node_network_altnames_info{altname="veth-alternative",device="v0"} 1',
    'node_network_carrier{device="v0"} 1',
    'node_network_carrier_changes_total{device="v0"} 2',
    'node_network_carrier_down_changes_total{device="v0"} 1',
    'node_network_carrier_up_changes_total{device="v0"} 1',
    'node_network_device_id{device="v0"} 0',
    'node_network_dormant{device="v0"} 0',
    'node_network_flags{device="v0"} 69699',
    'node_network_iface_id{device="v0"} 2',
    'node_network_iface_link{device="v0"} 2',
    'node_network_iface_link_mode{device="v0"} 0',
    `node_network_info{address="${address}",broadcast="ff:ff:ff:ff:ff:ff",device="v0",duplex="Full",ifalias="up \\"link\\" ü",operstate="up"} 1`,
    'node_network_mtu_bytes{device="v0"} 1500',
    'node_network_name_assign_type{device="v0"} 3',
    'node_network_net_dev_group{device="v0"} 0',
    'node_network_protocol_type{device="v0"} 1',
    'node_network_speed_bytes{device="v0"} 1.25e+09',
    'node_network_transmit_queue_length{device="v0"} 1000',
    'node_network_up{device="v0"} 1',
  ])
})

test('a device without a lower device is its own link', async () => {
  const lines = await collect(netclass, { kernel: kernel({ links: async () => found }), options })
  assert.ok(lines.includes('node_network_iface_link{device="br0"} 3'))
  assert.ok(lines.includes('node_network_iface_link{device="v3"} 5'))
  assert.ok(lines.includes('node_network_up{device="lo"} 0'))
})

test("an unknown speed is reported as the driver's value unless the option disables it", async () => {
  const unknown = kernel({ linkModes: async () => new Map([[v0.index, { speed: 0xffff_ffff, duplex: 255 }]]) })
  const of = (lines: readonly string[]) =>
    lines.filter((line) => /speed|network_info/.test(line)).map((line) => line.replace(/.*duplex/, ''))
  assert.deepEqual(of(await collect(netclass, { kernel: unknown, options })), [
    '="Unknown",ifalias="up \\"link\\" ü",operstate="up"} 1',
    'node_network_speed_bytes{device="v0"} 5.36870911875e+14',
  ])
  const left = await collect(netclass, { kernel: unknown, options: { ...options, 'ignore-invalid-speed': true } })
  assert.equal(of(left).length, 1)
})

test('a kernel that does not support speeds leaves them out; any other error is a failure', async () => {
  const old = kernel({ linkModes: () => Promise.reject(failure('netlink', 2)) })
  const { lines, success } = await collectAll(netclass, { kernel: old, options })
  assert.equal(success, true)
  assert.ok(!lines.some((line) => line.includes('speed')))
  assert.ok(lines.some((line) => line.includes('duplex=""')))
  const failing = kernel({ linkModes: () => Promise.reject(failure('netlink', 105)) })
  assert.equal((await collectAll(netclass, { kernel: failing, options })).success, false)
})

test('statistics are reported if the option is set', async () => {
  const lines = await collect(netclass, { kernel: kernel(), options: { ...options, 'rtnl-with-stats': true } })
  assert.ok(lines.includes(`node_network_receive_bytes_total{device="v0"} ${v0.statistics.rx_bytes}`))
  assert.ok(lines.includes('node_network_transmit_window_errors_total{device="v0"} 0'))
})

test('filters select interfaces by name', async () => {
  const all = { kernel: kernel({ links: async () => found }), interfaces: (name: string) => name !== 'br0' }
  const lines = await collect(netclass, { ...all, options: { ...options, 'ignored-devices': '^v' } })
  assert.deepEqual([...new Set(lines.map((line) => /device="(\w+)"/.exec(line)?.[1]))], ['lo'])
})

test('without system calls it reads sysfs and logs that', async () => {
  const { lines, success, logged } = await collectAll(netclass, { sys, options })
  assert.equal(success, true)
  assert.ok(lines.some((line) => line.includes('adminstate=')))
  assert.match(logged.join(), /sysfs is read instead: no system calls on this host/)
})
