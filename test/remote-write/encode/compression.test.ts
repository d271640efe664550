import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { uncompressSnappy } from '../../../src/demo-receiver/snappy.ts'
import { Compressor } from '../../../src/remote-write/encode/compression.ts'
import { scene, until } from '../scene.ts'

const v1 = { contentType: 'application/x-protobuf', version: '0.1.0' }
const bytes = Buffer.from('metric '.repeat(100))
const wayOf = (compressor: Compressor) => compressor.pack(bytes, v1).headers['content-encoding']

test('zstd has the headers of VictoriaMetrics and is not used with 2.0', () => {
  const compressor = new Compressor('zstd', 'x/1')
  const { body, headers } = compressor.pack(bytes, v1)
  assert.deepEqual(zstdDecompressSync(body), bytes)
  assert.deepEqual(headers, {
    'content-type': 'application/x-protobuf',
    'user-agent': 'x/1',
    'content-encoding': 'zstd',
    'x-victoriametrics-remote-write-version': '1',
  })
  const newer = compressor.pack(bytes, { contentType: 'application/x-protobuf;proto=x', version: '2.0.0' })
  assert.equal(newer.headers['content-encoding'], 'snappy')
  assert.deepEqual(uncompressSnappy(Buffer.from(newer.body), 10_000), bytes)
})

test('a receiver that has never accepted zstd and rejects it gets snappy from then on', () => {
  for (const status of [400, 415]) {
    const compressor = new Compressor('zstd', 'x/1')
    wayOf(compressor)
    assert.equal(compressor.learn({ kind: 'rejected', status }), true)
    assert.equal(wayOf(compressor), 'snappy')
    assert.equal(compressor.learn({ kind: 'rejected', status }), false)
  }
})

test('after zstd was accepted, 400 and 415 reject the samples; an outage changes nothing', () => {
  const compressor = new Compressor('zstd', 'x/1')
  wayOf(compressor)
  assert.equal(compressor.learn({ kind: 'stuck' }), false)
  assert.equal(compressor.learn({ kind: 'delivered' }), false)
  wayOf(compressor)
  assert.equal(compressor.learn({ kind: 'rejected', status: 400 }), false)
  assert.equal(wayOf(compressor), 'zstd')
})

test('a receiver without zstd gets every sample after one extra request', async (t) => {
  const { endpoint, push, arrived, receiver } = await scene(t, [], { compression: 'zstd' })
  const times = [push({ kitchen: 1 })]
  await until(() => endpoint.stats.samples === 1)
  times.push(push({ kitchen: 2 }))
  await until(() => endpoint.stats.samples === 2)
  assert.deepEqual(arrived('kitchen'), times)
  assert.equal(receiver.stats.requests, 3)
  assert.equal(endpoint.stats.samplesFailed, 0)
})
