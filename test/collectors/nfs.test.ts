import assert from 'node:assert/strict'
import { test } from 'node:test'
import nfs from '../../src/collectors/nfs.ts'
import { collect, collectAll } from '../support/collect.ts'

const count = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i).join(' ')
const file = (text: string) => ({ proc: { 'net/rpc/nfs': text } })
const calls = (lines: readonly string[], proto: string) =>
  lines
    .flatMap((line) => /^node_nfs_requests_total\{method="(.*)",proto="(.)"\} (.*)$/.exec(line)?.slice(1) ?? [])
    .flatMap((method, i, all) => (i % 3 === 0 && all[i + 1] === proto ? [[method, Number(all[i + 2])] as const] : []))
    .sort(([, left], [, right]) => left - right)

test('it reports connections, packets and calls of the client', async () => {
  const lines = await collect(nfs, file('net 70 41 29 5\nrpc 1218785755 374636 1218815394\n'))
  assert.deepEqual(
    lines.filter((line) => !line.includes('requests')),
    [
      'node_nfs_connections_total 5',
      'node_nfs_packets_total{protocol="tcp"} 29',
      'node_nfs_packets_total{protocol="udp"} 41',
      'node_nfs_rpc_authentication_refreshes_total 1.218815394e+09',
      'node_nfs_rpc_retransmissions_total 374636',
      'node_nfs_rpcs_total 1.218785755e+09',
    ],
  )
})

test('the position in the line identifies a procedure', async () => {
  const lines = await collect(
    nfs,
    file(`proc2 18 ${count(1, 18)}\nproc3 22 ${count(1, 22)}\nproc4 59 ${count(1, 59)}\n`),
  )
  const named = (proto: string, ...places: number[]) => places.map((place) => calls(lines, proto)[place - 1])
  assert.deepEqual(named('2', 1, 4, 18), [
    ['Null', 1],
    ['Root', 4],
    ['FsStat', 18],
  ])
  assert.deepEqual(named('3', 3, 5, 22), [
    ['SetAttr', 3],
    ['Access', 5],
    ['Commit', 22],
  ])
  assert.deepEqual(named('4', 2, 18, 35, 42, 59), [
    ['Read', 2],
    ['Access', 18],
    ['FsLocations', 35],
    ['Sequence', 42],
    ['Clone', 59],
  ])
  assert.deepEqual([calls(lines, '2').length, calls(lines, '3').length, calls(lines, '4').length], [18, 22, 59])
})

test('columns that an older kernel does not have are 0; columns of a newer kernel are ignored', async () => {
  const older = calls(await collect(nfs, file('proc4 3 7 8 9\n')), '4')
  assert.equal(older.length, 59)
  assert.deepEqual(older.slice(-3), [
    ['Null', 7],
    ['Read', 8],
    ['Write', 9],
  ])
  assert.equal(calls(await collect(nfs, file(`proc4 70 ${count(1, 70)}\nproc5 1 2\nnew 3\n`)), '4').length, 59)
})

test('a host without NFS gives no data', async () => {
  const { lines, success, logged } = await collectAll(nfs)
  assert.deepEqual([lines, success], [[], false])
  assert.match(logged.join(), /^debug/)
})

test('a truncated or invalid line and an empty file are failures', async () => {
  for (const text of ['proc3 22 1 2 3\n', 'net 1 x 3 4\n', '', '\n']) {
    const { lines, success, logged } = await collectAll(nfs, file(text))
    assert.deepEqual([lines, success], [[], false])
    assert.match(logged.join(), /^error/)
  }
})
