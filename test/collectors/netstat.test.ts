import assert from 'node:assert/strict'
import { test } from 'node:test'
import netstat from '../../src/collectors/netstat.ts'
import { collect, collectAll, collecting } from '../support/collect.ts'

const proc = {
  'net/netstat':
    'TcpExt: SyncookiesSent PruneCalled ListenDrops\nTcpExt: 1 2 3\nIpExt: InNoRoutes InOctets\nIpExt: 4 5\n',
  'net/snmp': 'Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: MaxConn CurrEstab InErrs\nTcp: -1 7 8\n',
}
const expected = [
  'node_netstat_IpExt_InOctets 5',
  'node_netstat_Ip_Forwarding 1',
  'node_netstat_TcpExt_ListenDrops 3',
  'node_netstat_TcpExt_SyncookiesSent 1',
  'node_netstat_Tcp_CurrEstab 7',
  'node_netstat_Tcp_InErrs 8',
]

test('names and values are matched by position; the default selects few of them', async () => {
  assert.deepEqual(await collect(netstat, { proc }), expected)
})

test('IPv6 has a separate file, in which the protocol name ends with the first 6', async () => {
  const snmp6 = 'Ip6InOctets\t7\nIcmp6InMsgs   \t5\nIcmp6OutType136 6\nUdpLite6InErrors 9\nFoo 1\nUdp6NoPorts -1\n'
  const lines = await collect(netstat, { proc: { ...proc, 'net/snmp6': snmp6 } })
  assert.deepEqual(
    lines.filter((line) => line.includes('6')),
    [
      'node_netstat_Icmp6_InMsgs 5',
      'node_netstat_Ip6_InOctets 7',
      'node_netstat_Udp6_NoPorts -1',
      'node_netstat_UdpLite6_InErrors 9',
    ],
  )
})

test('a configured pattern replaces the default and matches the whole name', async () => {
  const options = { fields: '^Tcp_|Icmp6_.*136' }
  const lines = await collect(netstat, { proc: { ...proc, 'net/snmp6': 'Icmp6OutType136 6\n' }, options })
  assert.deepEqual(lines, [
    'node_netstat_Icmp6_OutType136 6',
    'node_netstat_Tcp_CurrEstab 7',
    'node_netstat_Tcp_InErrs 8',
    'node_netstat_Tcp_MaxConn -1',
  ])
})

test('columns may change between intervals', async () => {
  const next = collecting(netstat, { proc })
  await next()
  const changed = { ...proc, 'net/snmp': 'Ip: New Forwarding\nIp: 1 2\n' }
  assert.ok((await next({ proc: changed })).lines.includes('node_netstat_Ip_Forwarding 2'))
})

test('a different number of names and values is a failure', async () => {
  for (const snmp of ['Ip: Forwarding X\nIp: 1\n', 'Ip: Forwarding\n', 'hello\n', 'Ip: Forwarding\nIp: y\n']) {
    const { lines, success } = await collectAll(netstat, { proc: { ...proc, 'net/snmp': snmp } })
    assert.equal(success, false)
    assert.deepEqual(
      lines.filter((line) => line.includes('Ip_') || line.includes('NaN')),
      [],
    )
  }
})

test('a missing file is a failure, except for the IPv6 file', async () => {
  assert.equal((await collectAll(netstat, { proc })).success, true)
  assert.match(String((await collectAll(netstat, {})).logged), /failed.*ENOENT/)
  const { 'net/netstat': _, ...rest } = proc
  const { lines, success } = await collectAll(netstat, { proc: rest })
  assert.equal(success, false)
  assert.ok(lines.some((line) => line.startsWith('node_netstat_Tcp_')))
})
