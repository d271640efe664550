import assert from 'node:assert/strict'
import { test } from 'node:test'
import udpQueues from '../../src/collectors/udp-queues.ts'
import { collect, collectAll } from '../support/collect.ts'

const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const socket = (queues: string) =>
  `   0: 00000000:0016 00000000:0000 07 ${queues} 00:00000000 00000000     0        0 2740 1 ffff88003d3af3c0 0\n`

test('it sums the queues of all sockets by version of IP', async () => {
  const proc = { 'net/udp': header + socket('00000015:00000002') + socket('000000FF:00000003'), 'net/udp6': header }
  assert.deepEqual(await collect(udpQueues, { proc }), [
    'node_udp_queues{ip="v4",queue="rx"} 5',
    'node_udp_queues{ip="v4",queue="tx"} 276',
    'node_udp_queues{ip="v6",queue="rx"} 0',
    'node_udp_queues{ip="v6",queue="tx"} 0',
  ])
})

test('one version of IP is enough, none is no data', async () => {
  assert.equal((await collect(udpQueues, { proc: { 'net/udp6': header } })).length, 2)
  assert.match(String((await collectAll(udpQueues, {})).logged), /no data/)
})

test('an invalid line is a failure', async () => {
  for (const line of ['0: 0 0\n', socket('00000015:0000000z')]) {
    const { lines, logged } = await collectAll(udpQueues, { proc: { 'net/udp': header + line } })
    assert.deepEqual(lines, [])
    assert.match(String(logged), /failed.*udp: no tx_queue:rx_queue column/)
  }
})
