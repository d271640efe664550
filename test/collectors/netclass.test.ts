import assert from 'node:assert/strict'
import { test } from 'node:test'
import netclass from '../../src/collectors/netclass.ts'
import { collect, collectAll } from '../support/collect.ts'

const bare = { 'class/net/veth1/uevent': '' }
const infoOf = (lines: readonly string[]) => lines.filter((line) => line.startsWith('node_network_info'))

test('an attribute that the kernel does not offer is left out, in the labels it is empty', async () => {
  assert.deepEqual(await collect(netclass, { sys: bare }), [
    'node_network_info{address="",adminstate="unknown",broadcast="",device="veth1",duplex="",ifalias="",operstate=""} 1',
    'node_network_up{device="veth1"} 0',
  ])
})

test('an attribute that cannot be read just now is left out', async () => {
  const sys = {
    'class/net/wlan0/carrier': { error: 'EINVAL' }, // of an interface that is down
    'class/net/wlan0/speed': { error: 'EINVAL' },
    'class/net/wlan0/phys_port_id': { error: 'EOPNOTSUPP' },
    'class/net/wlan0/mtu': '1500\n',
  }
  assert.deepEqual(
    (await collect(netclass, { sys })).filter((line) => line.includes('wlan0"}')),
    ['node_network_mtu_bytes{device="wlan0"} 1500', 'node_network_up{device="wlan0"} 0'],
  )
})

test('an interface is up only if it says so: loopback does not know', async () => {
  for (const [operstate, value] of [
    ['up', 1],
    ['unknown', 0],
    ['down', 0],
    ['lowerlayerdown', 0],
  ]) {
    const lines = await collect(netclass, { sys: { 'class/net/lo/operstate': `${operstate}\n` } })
    assert.ok(lines.includes(`node_network_up{device="lo"} ${value}`), `${operstate}: ${lines}`)
  }
})

test('the administrative state is the first of the flags', async () => {
  for (const [flags, state, value] of [
    ['0x1003', 'up', 4099],
    ['0x1002', 'down', 4098],
    ['0x0', 'down', 0],
  ] as const) {
    const lines = await collect(netclass, { sys: { 'class/net/eth0/flags': `${flags}\n` } })
    assert.match(infoOf(lines)[0] ?? '', new RegExp(`adminstate="${state}"`))
    assert.ok(lines.includes(`node_network_flags{device="eth0"} ${value}`))
  }
})

test('megabits become bytes; -1 is no speed, and is reported unless told otherwise', async () => {
  const sys = { 'class/net/eth0/speed': '1000\n', 'class/net/eth1/speed': '-1\n' }
  const speeds = async (options: object) =>
    (await collect(netclass, { sys, options: { ...options } })).filter((line) => line.includes('speed'))
  assert.deepEqual(await speeds({}), [
    'node_network_speed_bytes{device="eth0"} 1.25e+08',
    'node_network_speed_bytes{device="eth1"} -125000',
  ])
  assert.deepEqual(await speeds({ 'ignore-invalid-speed': true }), ['node_network_speed_bytes{device="eth0"} 1.25e+08'])
})

test('an alias keeps its blanks inside', async () => {
  const lines = await collect(netclass, { sys: { 'class/net/eth0/ifalias': 'to the "lab", 2nd floor\n' } })
  assert.match(infoOf(lines)[0] ?? '', /ifalias="to the \\"lab\\", 2nd floor"/)
})

test('a file among the interfaces is none', async () => {
  assert.deepEqual(await collect(netclass, { sys: { 'class/net/bonding_masters': 'bond0\n' } }), [])
})

test('interfaces that are not wanted are not touched', async () => {
  const sys = { ...bare, 'class/net/eth0/mtu': { error: 'EIO' }, 'class/net/eth1/mtu': { error: 'EIO' } }
  const { lines, success } = await collectAll(netclass, {
    sys,
    options: { 'ignored-devices': '^eth0$' },
    interfaces: (name) => name !== 'eth1',
  })
  assert.equal(success, true)
  assert.equal(lines.length, 2)
})

test('an attribute that is no number is left out, and one that cannot be read fails the collector', async () => {
  const sys = { ...bare, 'class/net/eth0/mtu': 'many\n', 'class/net/eth1/mtu': '\n', 'class/net/eth1/flags': 'x' }
  const { lines, success } = await collectAll(netclass, { sys })
  assert.equal(success, true)
  assert.equal(infoOf(lines).length, 3)
  assert.ok(!lines.some((line) => /^node_network_(mtu|flags)/.test(line)))
  const broken = await collectAll(netclass, { sys: { ...bare, 'class/net/eth0/mtu': { error: 'EIO' } } })
  assert.equal(broken.success, false)
  assert.equal(infoOf(broken.lines).length, 2)
})

test('a host without network interfaces in sysfs has no data', async () => {
  const { success, logged } = await collectAll(netclass)
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
})
