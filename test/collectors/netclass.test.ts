import assert from 'node:assert/strict'
import { test } from 'node:test'
import netclass from '../../src/collectors/netclass.ts'
import { collect, collectAll } from '../support/collect.ts'

const bare = { 'class/net/veth1/uevent': '' }
const infoOf = (lines: readonly string[]) => lines.filter((line) => line.startsWith('node_network_info'))

test('an attribute that the kernel does not offer is left out, and empty as a label', async () => {
  assert.deepEqual(await collect(netclass, { sys: bare }), [
    'node_network_info{address="",adminstate="unknown",broadcast="",device="veth1",duplex="",ifalias="",operstate=""} 1',
    'node_network_up{device="veth1"} 0',
  ])
})

test('an attribute that cannot be read at the moment is left out', async () => {
  const sys = {
    'class/net/wlan0/carrier': { error: 'EINVAL' }, // the error for an interface that is down
    'class/net/wlan0/speed': { error: 'EINVAL' },
    'class/net/wlan0/phys_port_id': { error: 'EOPNOTSUPP' },
    'class/net/wlan0/mtu': '1500\n',
  }
  assert.deepEqual(
    (await collect(netclass, { sys })).filter((line) => line.includes('wlan0"}')),
    ['node_network_mtu_bytes{device="wlan0"} 1500', 'node_network_up{device="wlan0"} 0'],
  )
})

test('an interface is up only if its state is up: loopback has the state unknown', async () => {
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

test('the administrative state is the lowest bit of the flags', async () => {
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

test('megabits become bytes; a speed of -1 is reported unless the option disables it', async () => {
  const sys = { 'class/net/eth0/speed': '1000\n', 'class/net/eth1/speed': '-1\n' }
  const speeds = async (options: object) =>
    (await collect(netclass, { sys, options: { ...options } })).filter((line) => line.includes('speed'))
  assert.deepEqual(await speeds({}), [
    'node_network_speed_bytes{device="eth0"} 1.25e+08',
    'node_network_speed_bytes{device="eth1"} -125000',
  ])
  assert.deepEqual(await speeds({ 'ignore-invalid-speed': true }), ['node_network_speed_bytes{device="eth0"} 1.25e+08'])
})

test('an alias keeps blanks between its words', async () => {
  const lines = await collect(netclass, { sys: { 'class/net/eth0/ifalias': 'to the "lab", 2nd floor\n' } })
  assert.match(infoOf(lines)[0] ?? '', /ifalias="to the \\"lab\\", 2nd floor"/)
})

test('a file among the interfaces is not an interface', async () => {
  assert.deepEqual(await collect(netclass, { sys: { 'class/net/bonding_masters': 'bond0\n' } }), [])
})

test('excluded interfaces are not read', async () => {
  const sys = { ...bare, 'class/net/eth0/mtu': { error: 'EIO' }, 'class/net/eth1/mtu': { error: 'EIO' } }
  const { lines, success } = await collectAll(netclass, {
    sys,
    options: { 'ignored-devices': '^eth0$' },
    interfaces: (name) => name !== 'eth1',
  })
  assert.equal(success, true)
  assert.equal(lines.length, 2)
})

test('an invalid attribute is left out, and an unreadable one is a failure', async () => {
  const sys = { ...bare, 'class/net/eth0/mtu': 'many\n', 'class/net/eth1/mtu': '\n', 'class/net/eth1/flags': 'x' }
  const { lines, success } = await collectAll(netclass, { sys })
  assert.equal(success, true)
  assert.equal(infoOf(lines).length, 3)
  assert.ok(!lines.some((line) => /^node_network_(mtu|flags)/.test(line)))
  const broken = await collectAll(netclass, { sys: { ...bare, 'class/net/eth0/mtu': { error: 'EIO' } } })
  assert.equal(broken.success, false)
  assert.equal(infoOf(broken.lines).length, 2)
})

test('a host without network interfaces in sysfs gives no data', async () => {
  const { success, logged } = await collectAll(netclass)
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
})
