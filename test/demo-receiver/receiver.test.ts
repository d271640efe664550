import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  createReceiver,
  type Receiver,
  type ReceiverOptions,
  type RequestSummary,
} from '../../src/demo-receiver/receiver.ts'
import { bodyV1, bodyV2, headersV1, headersV2, type Line, send } from './wire.ts'

const now = 1_700_000_000_000
const line = (value = 0.5, timestamp = now): Line => [{ __name__: 'node_load1', instance: 'h' }, [value, timestamp]]
const key = 'node_load1{instance="h"}'

async function receiverFor(
  t: TestContext,
  options: Partial<ReceiverOptions> = {},
): Promise<Receiver & { write: string }> {
  const receiver = await createReceiver({ listen: { host: '127.0.0.1', port: 0 }, ...options })
  t.after(() => receiver.close())
  return Object.assign(Object.create(receiver) as Receiver, { write: `${receiver.url}/api/v1/write` })
}

test('the receiver stores a 1.0 request, reports it and serves it at /metrics', async (t) => {
  const summaries: RequestSummary[] = []
  const receiver = await receiverFor(t, { onRequest: (summary) => summaries.push(summary), ledger: true })
  const body = bodyV1([line()])
  const reply = await send(receiver.write, { body })
  assert.deepEqual([reply.status, reply.text], [204, ''])
  assert.equal(reply.headers['x-prometheus-remote-write-samples-written'], undefined)
  const { headers, ...summary } = summaries[0] as RequestSummary
  assert.deepEqual(summary, {
    number: 1,
    version: 1,
    status: 204,
    text: '',
    series: 1,
    samples: 1,
    stale: 0,
    metadata: 0,
    newestMs: now,
    compressedBytes: body.length,
    uncompressedBytes: 59,
  })
  assert.equal(headers['user-agent'], 'test/1')
  assert.deepEqual(receiver.ledger, [{ series: key, timestampMs: now, startMs: 0, value: 0.5, stale: false }])
  await send(receiver.write, { body: bodyV1([], [{ type: 2, metric_family_name: 'node_load1', help: 'Load.' }]) })
  const metrics = await send(`${receiver.url}/metrics`, { method: 'GET' })
  assert.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(metrics.text, `# HELP node_load1 Load.\n# TYPE node_load1 gauge\n${key} 0.5\n`)
})

test('the reply to a 2.0 request counts the samples written', async (t) => {
  const receiver = await receiverFor(t, { ledger: true })
  const body = bodyV2([line(1), [{ __name__: 'h_count' }, [2, now]]], { type: 3, help: 'Help.' })
  const reply = await send(receiver.write, { headers: headersV2, body })
  assert.equal(reply.status, 204)
  assert.equal(reply.headers['x-prometheus-remote-write-samples-written'], '2')
  assert.equal(reply.headers['x-prometheus-remote-write-histograms-written'], '0')
  assert.equal(reply.headers['x-prometheus-remote-write-exemplars-written'], '0')
  assert.deepEqual(receiver.metadata.get('h'), { type: 'histogram', help: 'Help.', unit: '' })
  assert.equal(receiver.ledger[0]?.startMs, 1)

  const half = bodyV2([line(1, now - 1), [{ __name__: 'h_count' }, [3, now + 1]]])
  const partial = await send(receiver.write, { headers: headersV2, body: half })
  assert.equal(partial.status, 400)
  assert.equal(partial.headers['x-prometheus-remote-write-samples-written'], '1')
  assert.match(partial.text, /out of order sample, series node_load1\{instance="h"\}/)
})

test('the receiver recognizes a stale marker by its bits', async (t) => {
  const summaries: RequestSummary[] = []
  const receiver = await receiverFor(t, { onRequest: (summary) => summaries.push(summary) })
  const snappyLiteral = (hex: string) =>
    Buffer.from([hex.length / 2, (hex.length / 2 - 1) << 2, ...Buffer.from(hex, 'hex')])
  const body = snappyLiteral('0a220a0e0a085f5f6e616d655f5f12027570121009020000000000f07f1080d095ffbc31')
  assert.equal((await send(receiver.write, { body })).status, 204)
  assert.equal(summaries[0]?.stale, 1)
  assert.equal(receiver.get('up')?.stale, true)
  assert.equal((await send(`${receiver.url}/metrics`, { method: 'GET' })).text, '')
})

const without = (name: string) => Object.fromEntries(Object.entries(headersV1).filter(([key]) => key !== name))

const headerCases: readonly [title: string, status: number, headers: Record<string, string>, text: RegExp][] = [
  [
    'another Content-Type',
    415,
    { ...headersV1, 'content-type': 'application/json' },
    /Content-Type is application\/json/,
  ],
  ['an unknown message', 415, { ...headersV1, 'content-type': 'application/x-protobuf;proto=x.Y' }, /x\.Y/],
  ['no Content-Type', 415, without('content-type'), /Content-Type is missing/],
  ['zstd', 415, { ...headersV1, 'content-encoding': 'zstd' }, /Content-Encoding is zstd, not snappy/],
  ['no Content-Encoding', 415, without('content-encoding'), /Content-Encoding is missing/],
  ['no User-Agent', 400, without('user-agent'), /User-Agent/],
  ['no version', 400, without('x-prometheus-remote-write-version'), /X-Prometheus-Remote-Write-Version/],
]

for (const [title, status, headers, text] of headerCases)
  test(`the receiver rejects a request with ${title}`, async (t) => {
    const receiver = await receiverFor(t)
    const reply = await send(receiver.write, { headers, body: bodyV1([line()]) })
    assert.equal(reply.status, status)
    assert.match(reply.text, text)
    assert.equal(receiver.get(key), undefined)
  })

test('every write path accepts POST and rejects other methods', async (t) => {
  const receiver = await receiverFor(t)
  for (const path of ['/api/v1/write', '/api/v1/push', '/api/prom/push', '/api/v1/receive'])
    assert.equal((await send(receiver.url + path, { body: bodyV1([line()]) })).status, 204)
  assert.equal((await send(receiver.write, { method: 'GET' })).status, 405)
  assert.equal((await send(`${receiver.url}/nowhere`, {})).status, 404)
  assert.equal((await send(`${receiver.url}/-/healthy`, { method: 'GET' })).status, 200)
})

test('a body over a limit is rejected before it is uncompressed', async (t) => {
  const limits = { compressedBytes: 1000, uncompressedBytes: 2000 }
  const receiver = await receiverFor(t, { limits })
  const long = await send(receiver.write, { body: Buffer.alloc(1001) })
  assert.deepEqual([long.status, long.text], [413, 'body of more than 1000 bytes\n'])
  const chunked = await send(receiver.write, {
    headers: { ...headersV1, 'transfer-encoding': 'chunked' },
    body: Buffer.alloc(1001),
  })
  assert.equal(chunked.status, 413)
  const bomb = await send(receiver.write, { body: Buffer.from([0xff, 0xff, 0xff, 0x7f, 0]) })
  assert.deepEqual([bomb.status, bomb.text], [413, 'more than 2000 bytes uncompressed\n'])
})

const invalidBodies: readonly [title: string, headers: Record<string, string>, body: Buffer][] = [
  ['a body that is not snappy', headersV1, Buffer.from('hello')],
  ['a body that is not protobuf', headersV1, Buffer.from([3, 2 << 2, 0xff, 0xff, 0xff])],
  ['a value that is not UTF-8', headersV1, Buffer.from([8, 7 << 2, 0x0a, 6, 0x0a, 4, 0x12, 2, 0xc3, 0x28])],
  ['a request without symbols', headersV2, Buffer.from([0])],
  ['a reference to a symbol that does not exist', headersV2, Buffer.from([8, 7 << 2, 0x22, 0, 0x2a, 4, 0x0a, 2, 0, 9])],
  ['a label name without a value', headersV2, Buffer.from([7, 6 << 2, 0x22, 0, 0x2a, 3, 0x0a, 1, 0])],
  ['a duplicate symbol', headersV2, Buffer.from([4, 3 << 2, 0x22, 0, 0x22, 0])],
]

for (const [title, headers, body] of invalidBodies)
  test(`the receiver replies 400 to ${title}`, async (t) => {
    const receiver = await receiverFor(t)
    const reply = await send(receiver.write, { headers, body })
    assert.equal(reply.status, 400)
    assert.notEqual(reply.text, '')
    if (headers === headersV2) assert.equal(reply.headers['x-prometheus-remote-write-samples-written'], '0')
  })

test('an interceptor replies in place of the receiver, and decides whether the samples are stored', async (t) => {
  const statuses: number[] = []
  const receiver = await receiverFor(t, {
    intercept: async ({ number, headers }, accept) => {
      assert.equal(headers['user-agent'], 'test/1')
      if (number === 2) accept()
      return { status: 503, text: 'try later' }
    },
    onRequest: ({ status }) => statuses.push(status),
  })
  const first = await send(receiver.write, { body: bodyV1([line()]) })
  assert.deepEqual([first.status, first.text], [503, 'try later'])
  assert.equal(receiver.get(key), undefined)
  await send(receiver.write, { body: bodyV1([line()]) })
  assert.equal(receiver.get(key)?.value, 0.5)
  assert.deepEqual(statuses, [503, 503])
})

test('createReceiver rejects when the port is in use', async (t) => {
  const receiver = await receiverFor(t)
  await assert.rejects(createReceiver({ listen: { host: '127.0.0.1', port: receiver.port } }), { code: 'EADDRINUSE' })
})
