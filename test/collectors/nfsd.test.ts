import assert from 'node:assert/strict'
import { test } from 'node:test'
import nfsd from '../../src/collectors/nfsd.ts'
import { collect, collectAll } from '../support/collect.ts'

const count = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i).join(' ')
const file = (text: string) => ({ proc: { 'net/rpc/nfsd': text } })
const calls = (lines: readonly string[]) => lines.filter((line) => line.startsWith('node_nfsd_requests_total'))

test('it reports caches, bytes, threads, packets and errors of the server', async () => {
  const text =
    'rc 11 6 18622\nfh 2 0 0 0 0\nio 157286400 72864\nth 8 0 0.000 0.000\nra 32 0 0 0 0 0 0 0 0 0 0 9\nnet 972 55 917 1\nrpc 18628 3 1 2 7\n'
  const lines = await collect(nfsd, file(text))
  assert.deepEqual(
    lines.filter((line) => !line.includes('requests')),
    [
      'node_nfsd_connections_total 1',
      'node_nfsd_disk_bytes_read_total 1.572864e+08',
      'node_nfsd_disk_bytes_written_total 72864',
      'node_nfsd_file_handles_stale_total 2',
      'node_nfsd_packets_total{proto="tcp"} 917',
      'node_nfsd_packets_total{proto="udp"} 55',
      'node_nfsd_read_ahead_cache_not_found_total 9',
      'node_nfsd_read_ahead_cache_size_blocks 32',
      'node_nfsd_reply_cache_hits_total 11',
      'node_nfsd_reply_cache_misses_total 6',
      'node_nfsd_reply_cache_nocache_total 18622',
      'node_nfsd_rpc_errors_total{error="auth"} 2',
      'node_nfsd_rpc_errors_total{error="cInt"} 7',
      'node_nfsd_rpc_errors_total{error="fmt"} 1',
      'node_nfsd_server_rpcs_total 18628',
      'node_nfsd_server_threads 8',
    ],
  )
})

test('the number identifies an operation of NFS 4, and compound itself is not reported', async () => {
  const text = `proc2 18 ${count(0, 17)}\nproc3 22 ${count(0, 21)}\nproc4 2 98 99\nproc4ops 72 ${count(0, 71)}\nwdeleg_getattr 15\n`
  const lines = calls(await collect(nfsd, file(text)))
  const of = (method: string, proto: string) =>
    lines.find((line) => line.includes(`method="${method}",proto="${proto}"`))?.split(' ')[1]
  const four = ['Access', 'GetAttr', 'OpenDgrd', 'PutFH', 'Read', 'RelLockOwner', 'WdelegGetattr']
  assert.deepEqual(
    four.map((method) => of(method, '4')),
    ['3', '9', '21', '22', '25', '39', '15'],
  )
  assert.deepEqual(
    [of('GetAttr', '2'), of('FsStat', '2'), of('Access', '3'), of('Commit', '3')],
    ['1', '17', '4', '21'],
  )
  assert.deepEqual([of('Null', '2'), of('Null', '3')], [undefined, undefined])
  assert.equal(lines.length, 17 + 21 + 36)
})

test('a missing line of lease attributes is 0', async () => {
  const lines = calls(await collect(nfsd, file('rc 0 0 0\n')))
  assert.ok(lines.includes('node_nfsd_requests_total{method="WdelegGetattr",proto="4"} 0'))
})

test('a host without an NFS server gives no data', async () => {
  const { lines, success, logged } = await collectAll(nfsd)
  assert.deepEqual([lines, success], [[], false])
  assert.match(logged.join(), /^debug/)
})

test('an invalid value is a failure', async () => {
  for (const text of ['proc4ops 72 0 0\n', 'rc a b c\n', '']) {
    const { lines, success, logged } = await collectAll(nfsd, file(text))
    assert.deepEqual([lines, success], [[], false])
    assert.match(logged.join(), /^error/)
  }
})
