import assert from 'node:assert/strict'
import { test } from 'node:test'
import qdisc from '../../src/collectors/qdisc.ts'
import type { Qdisc } from '../../src/host/netlink/qdiscs.ts'
import { collect, collectAll } from '../support/collect.ts'

const one = (device: string, of: Partial<Qdisc> = {}): Qdisc => ({
  device,
  kind: 'fq_codel',
  parent: 0,
  bytes: 1,
  packets: 2,
  drops: 3,
  requeues: 4,
  overlimits: 5,
  queueLength: 6,
  backlog: 7,
  ...of,
})
const host = (...all: readonly Qdisc[]) => ({ kernel: { qdiscs: async () => all } })
const devices = (lines: readonly string[]) => [...new Set(lines.map((line) => /device="(\w+)"/.exec(line)?.[1]))]

test('it reports the counters of the root of a device', async () => {
  assert.deepEqual(await collect(qdisc, host(one('eth0'), one('eth0', { kind: 'pfifo', parent: 0x10001 }))), [
    'node_qdisc_backlog{device="eth0",kind="fq_codel"} 7',
    'node_qdisc_bytes_total{device="eth0",kind="fq_codel"} 1',
    'node_qdisc_current_queue_length{device="eth0",kind="fq_codel"} 6',
    'node_qdisc_drops_total{device="eth0",kind="fq_codel"} 3',
    'node_qdisc_overlimits_total{device="eth0",kind="fq_codel"} 5',
    'node_qdisc_packets_total{device="eth0",kind="fq_codel"} 2',
    'node_qdisc_requeues_total{device="eth0",kind="fq_codel"} 4',
  ])
})

test('filters of the collector and of all interfaces select devices by name', async () => {
  const given = host(one('eth0'), one('eth1'), one('veth7'))
  assert.deepEqual(devices(await collect(qdisc, { ...given, options: { 'device-include': '^eth' } })), ['eth0', 'eth1'])
  assert.deepEqual(devices(await collect(qdisc, { ...given, options: { 'device-exclude': '^eth' } })), ['veth7'])
  assert.deepEqual(devices(await collect(qdisc, { ...given, options: { 'old-device-include': '1' } })), ['eth1'])
  assert.deepEqual(devices(await collect(qdisc, { ...given, interfaces: (name) => name !== 'veth7' })), [
    'eth0',
    'eth1',
  ])
})

test('fixtures replace the kernel; missing values are 0', async () => {
  const elsewhere = {
    'some/dir/results.json': '[{"IfaceName":"wlan0","Kind":"fq","Bytes":42,"Drops":1}, {"Parent":1}]',
  }
  const lines = await collect(qdisc, { elsewhere, options: { fixtures: 'some/dir' } })
  assert.equal(lines.length, 7)
  assert.ok(lines.includes('node_qdisc_bytes_total{device="wlan0",kind="fq"} 42'))
  assert.ok(lines.includes('node_qdisc_backlog{device="wlan0",kind="fq"} 0'))
})

test('missing or truncated fixtures are a failure', async () => {
  for (const elsewhere of [{}, { 'dir/results.json': '[{"IfaceName":' }])
    assert.equal((await collectAll(qdisc, { elsewhere, options: { fixtures: 'dir' } })).success, false)
})

test('without system calls the failure says so', async () => {
  assert.match((await collectAll(qdisc)).logged.join(), /no system calls on this host/)
})
