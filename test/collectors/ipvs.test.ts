import assert from 'node:assert/strict'
import { test } from 'node:test'
import ipvs, { parseAddress } from '../../src/collectors/ipvs.ts'
import { collect, collectAll } from '../support/collect.ts'

const stats = `   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
 16AA370 E33656E5        0     51D8C8883AB3                0

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       4    1FB3C        0          1282A8F                0
`
const head = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
`
const given = (table: string) => ({ proc: { 'net/ip_vs_stats': stats, 'net/ip_vs': head + table } })
const backends = (lines: readonly string[]) =>
  lines.filter((line) => line.startsWith('node_ipvs_backend_connections_active'))

test('totals are hexadecimal', async () => {
  assert.deepEqual(await collect(ipvs, given('')), [
    'node_ipvs_connections_total 2.3765872e+07',
    'node_ipvs_incoming_bytes_total 8.9991519156915e+13',
    'node_ipvs_incoming_packets_total 3.811989221e+09',
    'node_ipvs_outgoing_bytes_total 0',
    'node_ipvs_outgoing_packets_total 0',
  ])
})

test('backends belong to the service above them, for every protocol', async () => {
  const lines = await collect(
    ipvs,
    given(`TCP  C0A80016:0CEA wlc
  -> C0A85216:0CEA      Tunnel  100    248        2
UDP  [2620:0000:0000:0000:0000:0000:0000:0001]:0035 rr ops
  -> [2620:0000:0000:0000:0000:0000:0000:0002]:0035      Masq    1      0          7
SCTP C0A80017:0035 rr persistent 360
FWM  10001000 wlc
  -> C0A8321A:0CEA      Tunnel  20     64         1
`),
  )
  assert.deepEqual(backends(lines), [
    'node_ipvs_backend_connections_active{local_address="",local_mark="10001000",local_port="0",proto="FWM",remote_address="192.168.50.26",remote_port="3306"} 64',
    'node_ipvs_backend_connections_active{local_address="192.168.0.22",local_mark="",local_port="3306",proto="TCP",remote_address="192.168.82.22",remote_port="3306"} 248',
    'node_ipvs_backend_connections_active{local_address="2620::1",local_mark="",local_port="53",proto="UDP",remote_address="2620::2",remote_port="53"} 0',
  ])
})

test('backends with equal labels are summed', async () => {
  const table = given('TCP  C0A80016:0CEA wlc\n  -> C0A85216:0CEA Tunnel 1 2 3\n  -> C0A85217:0CEA Tunnel 10 20 30\n')
  const chosen = (labels: string) => collect(ipvs, { ...table, options: { 'backend-labels': labels } })
  assert.deepEqual((await chosen('proto,local_address')).slice(0, 3), [
    'node_ipvs_backend_connections_active{local_address="192.168.0.22",proto="TCP"} 22',
    'node_ipvs_backend_connections_inactive{local_address="192.168.0.22",proto="TCP"} 33',
    'node_ipvs_backend_weight{local_address="192.168.0.22",proto="TCP"} 11',
  ])
  assert.equal((await chosen(''))[0], 'node_ipvs_backend_connections_active 22')
  await assert.rejects(() => chosen('proto,nope'), /no label "nope"/)
})

test('without the module there is no data; a missing table is a failure after the totals', async () => {
  assert.match((await collectAll(ipvs)).logged.join(), /^debug/)
  const { lines, logged } = await collectAll(ipvs, { proc: { 'net/ip_vs_stats': stats } })
  assert.equal(lines.length, 5)
  assert.match(logged.join(), /^error/)
})

test('an invalid row is a failure', async () => {
  for (const text of ['', 'a\nb\n', 'a\nb\n zz 1 2 3 4\n', 'a\nb\n 1 2 3\n'])
    assert.match((await collectAll(ipvs, { proc: { 'net/ip_vs_stats': text } })).logged.join(), /^error/)
  for (const table of ['TCP  C0A800:0CEA wlc\n', '  -> C0A85216:0CEA Tunnel x 2 3\n', '  -> C0A85216:0CEA\n'])
    assert.match((await collectAll(ipvs, given(table))).logged.join(), /^error/)
})

test('an address is hexadecimal', () => {
  assert.deepEqual(parseAddress('7F000001:0050'), ['127.0.0.1', '80'])
  for (const text of ['', 'ZZ:0050', '7F000001', '[::1]:0050'])
    assert.throws(() => parseAddress(text), /not an address/)
})
