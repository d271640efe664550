import assert from 'node:assert/strict'
import { test } from 'node:test'
import tcpstat from '../../src/collectors/tcpstat.ts'
import { collect, collectAll } from '../support/collect.ts'

const ipv4 = {
  states: new Map([
    [1, 3],
    [10, 1],
    [6, 40],
  ]),
  receiveQueue: 5,
  sendQueue: 4096,
}
const ipv6 = {
  states: new Map([
    [1, 1],
    [12, 9],
  ]),
  receiveQueue: 1,
  sendQueue: 2,
}
const kernel = { sockets: async (family: 'ipv4' | 'ipv6') => (family === 'ipv4' ? ipv4 : ipv6) }

test('it reports the states that occur, and the queues, of both address families', async () => {
  assert.deepEqual(await collect(tcpstat, { kernel, proc: { 'net/tcp6': '' } }), [
    'node_tcp_connection_states{state="established"} 4',
    'node_tcp_connection_states{state="listen"} 1',
    'node_tcp_connection_states{state="rx_queued_bytes"} 6',
    'node_tcp_connection_states{state="time_wait"} 40',
    'node_tcp_connection_states{state="tx_queued_bytes"} 4098',
  ])
})

test('a kernel without IPv6 is queried for IPv4 only', async () => {
  const lines = await collect(tcpstat, { kernel })
  assert.ok(lines.includes('node_tcp_connection_states{state="established"} 3'))
})

test('without sockets only the queues are reported', async () => {
  const none = { states: new Map<number, number>(), receiveQueue: 0, sendQueue: 0 }
  assert.deepEqual(await collect(tcpstat, { kernel: { sockets: async () => none } }), [
    'node_tcp_connection_states{state="rx_queued_bytes"} 0',
    'node_tcp_connection_states{state="tx_queued_bytes"} 0',
  ])
})

test('without system calls the failure says so', async () => {
  const { success, logged } = await collectAll(tcpstat)
  assert.equal(success, false)
  assert.match(logged.join(), /no system calls on this host/)
})
