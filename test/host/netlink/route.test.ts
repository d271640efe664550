import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkOf, links } from '../../../src/host/netlink/links.ts'
import { qdiscOf, qdiscs } from '../../../src/host/netlink/qdiscs.ts'
import { addresses, neighbours, routes, routesOf } from '../../../src/host/netlink/route.ts'
import { sockets } from '../../../src/host/netlink/sock-diag.ts'
import { attribute } from '../../../src/host/netlink/socket.ts'
import { message, netlinkOf, recorded } from '../../support/libc.ts'

const kernel = (name: string) => netlinkOf(() => recorded(name)).libc

test('links have the attributes of the kernel', async () => {
  const found = await links(kernel('links'))
  assert.deepEqual(
    found.map(({ index, name, type, mtu, operState, link }) => [index, name, type, mtu, operState, link]),
    [
      [1, 'lo', 772, 65536, 0, undefined],
      [2, 'v0', 1, 1500, 6, 2],
      [3, 'br0', 1, 1500, 6, undefined],
      [4, 'v3', 1, 1500, 6, 5],
      [5, 'v2', 1, 1500, 6, 4],
    ],
  )
  const [lo, v0] = found
  assert.deepEqual([v0?.alias, v0?.otherNames], ['up "link" ü', ['veth-alternative']])
  assert.match(v0?.address ?? '', /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
  assert.equal(v0?.broadcast, 'ff:ff:ff:ff:ff:ff')
  assert.deepEqual([lo?.carrierChanges, v0?.carrierUps, v0?.carrierDowns, v0?.carrier], [0, 1, 1, 1])
  assert.equal(Object.keys(v0?.statistics ?? {}).length, 24)
  assert.ok((v0?.statistics.tx_bytes ?? 0) > 10_000)
})

test('an older kernel has fewer counters, or only 32-bit ones', () => {
  const head = Buffer.alloc(16)
  const words = Buffer.alloc(12)
  words.writeUInt32LE(7, 0)
  words.writeUInt32LE(4294967295, 8)
  assert.deepEqual(linkOf(Buffer.concat([head, attribute(7, words)]))?.statistics, {
    rx_packets: 7,
    tx_packets: 0,
    rx_bytes: 4294967295,
  })
  assert.deepEqual(linkOf(head)?.statistics, {})
})

test('neighbours have their device and state', async () => {
  const states = (await neighbours(kernel('neighbours'))).map(({ device, state }) => `${device} ${state.toString(16)}`)
  assert.deepEqual(states.filter((one) => one.startsWith('v0')).sort(), [
    'v0 0',
    'v0 1',
    'v0 20',
    'v0 4',
    'v0 40',
    'v0 80',
  ])
})

test('neighbours of a removed device are omitted', async () => {
  const libc = { ...kernel('neighbours'), interfaceName: () => undefined }
  assert.deepEqual(await neighbours(libc), [])
})

test('a route has one entry for each next hop', async () => {
  const found = await routes(kernel('routes'))
  const of = (destination: string) =>
    found
      .filter((route) => route.destination === destination && route.type === 1)
      .map(({ device, gateway, weight, protocol }) => [device, gateway, weight, protocol])
  assert.deepEqual(of('10.21.0.0/16'), [
    ['v0', '10.9.0.2', 3, 186],
    ['br0', '10.8.0.9', 5, 186],
  ])
  assert.deepEqual(of('fd00:21::/48'), [
    ['v0', 'fd00:9::2', 2, 3],
    ['br0', 'fd00:8::9', 7, 3],
  ])
  assert.deepEqual(of('10.22.0.0/16'), [['v0', '', undefined, 123]], 'of another table')
  assert.deepEqual(of('default'), [
    ['v0', '10.9.0.2', undefined, 3],
    ['v0', 'fd00:9::2', undefined, 3],
  ])
  assert.deepEqual(
    found.filter(({ type }) => type === 6 || type === 7),
    [],
    'those that lead nowhere have no device',
  )
  const local = found.find(({ destination }) => destination === '10.8.0.0/24')
  assert.deepEqual([local?.source, local?.priority], ['10.8.0.1', 0])
})

test('a truncated route ends with its complete next hops', () => {
  const [datagram = Buffer.alloc(0)] = recorded('routes')
  for (let length = 0; length < 120; length++) routesOf(datagram.subarray(16, 16 + length), () => 'v0')
  const empty = Buffer.concat([Buffer.alloc(12), attribute(9, Buffer.alloc(8))])
  assert.deepEqual(
    routesOf(empty, () => 'v0'),
    [],
    'a way of no length',
  )
})

test('addresses have the length of their prefix', async () => {
  assert.deepEqual(
    (await addresses(kernel('addresses')))
      .map(({ device, address, netmask }) => `${device} ${address}/${netmask}`)
      .slice(0, 5),
    ['lo 127.0.0.1/8', 'v0 10.9.0.1/24', 'br0 10.8.0.1/24', 'lo ::1/128', 'v0 fd00:9::1/64'],
  )
})

test('the address of a point-to-point link is the local one', async () => {
  const body = Buffer.from([2, 32, 0, 0, 2, 0, 0, 0])
  const both = [attribute(1, Buffer.from([10, 0, 0, 2])), attribute(2, Buffer.from([10, 0, 0, 1]))]
  const { libc } = netlinkOf(() => [message(20, Buffer.concat([body, ...both]), 0)])
  assert.deepEqual(await addresses(libc), [{ device: 'v0', address: '10.0.0.1', netmask: '32' }])
})

test('queueing disciplines have their counters, and 0 for the parent of a root', async () => {
  const found = await qdiscs(kernel('qdiscs'))
  assert.deepEqual(
    found.map(({ device, kind, parent }) => [device, kind, parent]),
    [
      ['lo', 'noqueue', 0],
      ['v0', 'htb', 0],
      ['v0', 'pfifo', 0x10001],
      ['v0', 'ingress', 0xfffffff1],
      ['br0', 'noqueue', 0],
      ['v3', 'noqueue', 0],
      ['v2', 'tbf', 0],
    ],
  )
  const htb = found[1]
  assert.deepEqual([htb?.drops, htb?.overlimits, htb?.requeues, htb?.queueLength, htb?.backlog], [293, 6, 0, 0, 0])
  assert.ok((htb?.bytes ?? 0) > 10_000 && (htb?.packets ?? 0) > 15)
})

test('the old statistics of a queueing discipline are read too', () => {
  const stats = Buffer.alloc(36)
  stats.writeBigUInt64LE(2n ** 40n, 0)
  ;[11, 12, 13, 0, 0, 14, 15].forEach((value, i) => {
    stats.writeUInt32LE(value, 8 + 4 * i)
  })
  const body = Buffer.concat([Buffer.alloc(20), attribute(1, Buffer.from('fq\0')), attribute(3, stats)])
  assert.deepEqual(qdiscOf(body, 'v0'), {
    device: 'v0',
    kind: 'fq',
    parent: 0,
    bytes: 2 ** 40,
    packets: 11,
    drops: 12,
    overlimits: 13,
    queueLength: 14,
    backlog: 15,
    requeues: 0,
  })
})

test('sockets are counted by state', async () => {
  const { libc, requests } = netlinkOf(() => recorded('tcp4'))
  const { states, receiveQueue, sendQueue } = await sockets(libc, 'ipv4')
  assert.deepEqual([states.get(1), states.get(10)], [2, 1])
  assert.equal(receiveQueue, 0)
  assert.equal(sendQueue, 511, 'how many connections may wait')
  assert.equal(requests[0]?.length, 16 + 56)
})
