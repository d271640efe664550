import assert from 'node:assert/strict'
import { test } from 'node:test'
import arp from '../../src/collectors/arp.ts'
import { collect, collectAll } from '../support/collect.ts'

const head = 'IP address       HW type     Flags       HW address            Mask     Device\n'
const row = (ip: string, flags: string, mac: string, device: string) =>
  `${ip}      0x1         ${flags}         ${mac}     *        ${device}\n`
const table = (...rows: string[]) => ({ proc: { 'net/arp': head + rows.join('') }, options: { netlink: false } })

const rows = [
  row('192.168.1.1', '0x2', 'cc:aa:dd:ee:aa:bb', 'eth0'),
  row('192.168.1.2', '0x0', '00:00:00:00:00:00', 'eth0'),
  row('10.0.0.1', '0x2', 'de:ad:be:ef:00:00', 'eth1'),
]

test('it counts the neighbours of each interface, including those that do not answer', async () => {
  assert.deepEqual(await collect(arp, table(...rows)), [
    'node_arp_entries{device="eth0"} 2',
    'node_arp_entries{device="eth1"} 1',
  ])
})

test('the filters of the collector and of the host select interfaces', async () => {
  for (const options of [{ 'device-exclude': 'eth0' }, { 'device-include': 'eth1' }])
    assert.deepEqual(await collect(arp, { ...table(...rows), options: { netlink: false, ...options } }), [
      'node_arp_entries{device="eth1"} 1',
    ])
  const lines = await collect(arp, { ...table(...rows), interfaces: (name) => name === 'eth1' })
  assert.deepEqual(lines, ['node_arp_entries{device="eth1"} 1'])
})

test('it counts rows with an invalid address and skips empty lines', async () => {
  const { lines, success } = await collectAll(arp, table(row('10.0.0.2', '0x2', '*', 'ib0'), '\n'))
  assert.deepEqual([lines, success], [['node_arp_entries{device="ib0"} 1'], true])
})

test('a table without a header line is parsed', async () => {
  const proc = { 'net/arp': rows[2] ?? '' }
  assert.deepEqual(await collect(arp, { proc, options: { netlink: false } }), ['node_arp_entries{device="eth1"} 1'])
})

test('an empty table gives no series; a short row and a missing file are failures', async () => {
  assert.deepEqual(await collect(arp, table()), [])
  assert.match((await collectAll(arp, table('1.2.3.4 0x1\n'))).logged.join(), /^error.*columns/)
  assert.match((await collectAll(arp, { options: { netlink: false } })).logged.join(), /^error/)
})

test('netlink counts neighbours in every state except addresses that need no ARP request', async () => {
  const states = [0, 0x01, 0x02, 0x04, 0x20, 0x40, 0x80, 0xc0]
  const kernel = { neighbours: async () => states.map((state) => ({ device: state === 4 ? 'eth1' : 'eth0', state })) }
  assert.deepEqual(await collect(arp, { kernel }), [
    'node_arp_entries{device="eth0"} 5',
    'node_arp_entries{device="eth1"} 1',
  ])
})

test('without system calls it reads the file and logs that', async () => {
  const { proc } = table(...rows)
  const { lines, success, logged } = await collectAll(arp, { proc })
  assert.deepEqual([lines.length, success], [2, true])
  assert.match(logged.join(), /net\/arp is read instead: no system calls on this host/)
})

test('a netlink error of the kernel is a failure and does not fall back to the file', async () => {
  const kernel = { neighbours: () => Promise.reject(new Error('ENOBUFS: netlink')) }
  assert.equal((await collectAll(arp, { kernel, proc: table(...rows).proc })).success, false)
})
