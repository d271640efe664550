import assert from 'node:assert/strict'
import { test } from 'node:test'
import sockstat from '../../src/collectors/sockstat.ts'
import { collect, collectAll } from '../support/collect.ts'

const v4 = 'sockets: used 229\nTCP: inuse 4 orphan 0 tw 4 alloc 17 mem 3\nUDPLITE: inuse 0\nFRAG: inuse 0 memory 512\n'

/** An auxiliary vector with the page size among other entries. */
function vectorOf(pageBytes: bigint): Buffer {
  const words = [33n, 140733n, 16n, 5n, 6n, pageBytes, 17n, 100n, 0n, 0n]
  const bytes = Buffer.alloc(words.length * 8)
  words.forEach((word, i) => {
    bytes.writeBigUInt64LE(word, i * 8)
  })
  return bytes
}

test('it counts sockets by protocol, buffers in pages and in bytes', async () => {
  assert.deepEqual(await collect(sockstat, { proc: { 'net/sockstat': v4 } }), [
    'node_sockstat_FRAG_inuse 0',
    'node_sockstat_FRAG_memory 512',
    'node_sockstat_TCP_alloc 17',
    'node_sockstat_TCP_inuse 4',
    'node_sockstat_TCP_mem 3',
    'node_sockstat_TCP_mem_bytes 12288',
    'node_sockstat_TCP_orphan 0',
    'node_sockstat_TCP_tw 4',
    'node_sockstat_UDPLITE_inuse 0',
    'node_sockstat_sockets_used 229',
  ])
})

test('the auxiliary vector gives the page size', async () => {
  const bytes = async (vector: Buffer) =>
    (await collect(sockstat, { proc: { 'net/sockstat': v4, 'self/auxv': vector } }))[5]
  assert.equal(await bytes(vectorOf(65536n)), 'node_sockstat_TCP_mem_bytes 196608')
  assert.equal(await bytes(vectorOf(16384n).subarray(0, 41)), 'node_sockstat_TCP_mem_bytes 12288')
})

test('IPv6 alone, new protocols and new columns are accepted', async () => {
  const proc = { 'net/sockstat6': 'TCP6: inuse 17\nNEW6: inuse 1 future 7\nMPTCP6: alloc 3\n' }
  assert.deepEqual(await collect(sockstat, { proc }), [
    'node_sockstat_MPTCP6_alloc 3',
    'node_sockstat_NEW6_inuse 1',
    'node_sockstat_TCP6_inuse 17',
  ])
})

test('missing files are no failure', async () => {
  const { lines, success } = await collectAll(sockstat, {})
  assert.deepEqual([lines, success], [[], true])
})

test('an invalid line is a failure', async () => {
  for (const text of ['hello\n', 'UDP: inuse 1 mem\n', 'TCP:\n', 'TCP: inuse x\n']) {
    const { lines, success, logged } = await collectAll(sockstat, { proc: { 'net/sockstat': text } })
    assert.equal(success, false)
    assert.deepEqual(
      lines.filter((line) => line.includes('NaN')),
      [],
    )
    assert.match(String(logged), /failed.*sockstat: /)
  }
})
