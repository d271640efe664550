import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gauge } from '../../../src/metrics/family.ts'
import { SeriesTable } from '../../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../../src/metrics/snapshot.ts'
import { batchOf } from '../../../src/remote-write/encode/batch.ts'
import { EncoderV1 } from '../../../src/remote-write/encode/v1.ts'

const load1 = gauge('node_load1', '1m load average.')
const up = gauge('up', 'Up.')
const atMs = 1700000000000
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('one sample is encoded as in the specification', () => {
  const builder = new SnapshotBuilder(new SeriesTable({ instance: 'h' }))
  builder.begin()
  builder.add(load1, 0.5)
  const batch = batchOf([{ sequence: 1, snapshot: builder.end(atMs) }], [])
  const { bytes, samples } = new EncoderV1().encode(batch)
  assert.equal(
    hex(bytes),
    '0a390a160a085f5f6e616d655f5f120a6e6f64655f6c6f6164310a0d0a08696e7374616e6365120168121009000000000000e03f1080d095ffbc31',
  )
  assert.equal(samples, 1)
})

test('a stale marker has the exact bits, not those of another NaN', () => {
  const builder = new SnapshotBuilder(new SeriesTable())
  builder.begin()
  builder.add(up, 1)
  const first = builder.end(atMs - 1000)
  builder.begin()
  const batch = batchOf([{ sequence: 2, snapshot: builder.end(atMs) }], first.series)
  assert.equal(
    hex(new EncoderV1().encode(batch).bytes),
    '0a220a0e0a085f5f6e616d655f5f12027570121009020000000000f07f1080d095ffbc31',
  )
})

test('samples of one series share one label set; uniform and mixed batches give the same bytes', () => {
  const builder = new SnapshotBuilder(new SeriesTable({ instance: 'h' }))
  const entries = [1, 2, 3].map((sequence) => {
    builder.begin()
    builder.add(load1, sequence / 4)
    builder.add(up, Number.NEGATIVE_INFINITY * sequence)
    return { sequence, snapshot: builder.end(atMs + sequence * 100_000_000_000) }
  })
  const encoder = new EncoderV1()
  const alike = hex(encoder.encode(batchOf(entries, [])).bytes)
  const apart = entries.map(({ sequence, snapshot }) => ({
    sequence,
    snapshot: { ...snapshot, series: [...snapshot.series] },
  }))
  assert.equal(hex(encoder.encode(batchOf(apart, [])).bytes), alike)
  assert.equal(encoder.encode(batchOf(entries, [])).samples, 6)
  assert.equal(alike.split('5f5f6e616d655f5f').length, 3)
})

test('a request written into the previous one equals that of a new encoder', () => {
  const builder = new SnapshotBuilder(new SeriesTable({ instance: 'h' }))
  const times = [atMs, atMs + 1, 1000, 1001, atMs + 2, atMs + 3]
  const entries = times.map((timestampMs, i) => {
    builder.begin()
    builder.add(load1, i)
    if (i !== 4) builder.add(up, i / 3)
    return { sequence: i + 1, snapshot: builder.end(timestampMs) }
  })
  const encoder = new EncoderV1()
  for (const [i, entry] of [...entries, ...entries].entries()) {
    const batch = batchOf([entry], [])
    assert.equal(hex(encoder.encode(batch).bytes), hex(new EncoderV1().encode(batch).bytes))
    if (i === 7) encoder.encode(batchOf(entries.slice(0, 4), []))
  }
})

test('metadata is a separate request', () => {
  assert.equal(
    hex(new EncoderV1().metadata([load1])),
    '1a200802120a6e6f64655f6c6f6164312210316d206c6f616420617665726167652e',
  )
})
