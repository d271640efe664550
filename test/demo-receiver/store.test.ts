import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Float64Bits, WriteRequest } from '../../src/demo-receiver/decode.ts'
import { expositionText } from '../../src/demo-receiver/exposition.ts'
import type { Label, ProtocolVersion } from '../../src/demo-receiver/labels.ts'
import { Store, type StoreLimits, type WriteResult } from '../../src/demo-receiver/store.ts'
import { stale } from './wire.ts'

const now = 1_700_000_000_000

const storeOf = (limits: Partial<StoreLimits> = {}) =>
  new Store({ maxSeries: 100, maxFutureMs: 600_000, ...limits }, true)

function bitsOf(value: number | Float64Bits): Float64Bits {
  if (typeof value === 'object') return value
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return { low: view.getInt32(4), high: view.getInt32(0) }
}

type Line = readonly [name: string, ...samples: (readonly [value: number | Float64Bits, seconds: number])[]]

function requestOf(version: ProtocolVersion, ...lines: Line[]): WriteRequest {
  const series = lines.map(([name, ...samples]) => ({
    labels: [['__name__', name]] as readonly Label[],
    samples: samples.map(([value, seconds]) => ({
      timestampMs: now + seconds * 1000,
      startMs: 0,
      bits: bitsOf(value),
    })),
    histograms: 0,
    exemplars: 0,
  }))
  return { version, series, metadata: new Map() }
}

const accepted = (samples: number): WriteResult => ({ problems: [], samples, histograms: 0, exemplars: 0 })

test('the store returns the newest sample of a series', () => {
  const store = storeOf()
  assert.deepEqual(store.write(requestOf(1, ['up', [0, 0], [1, 15]]), now), accepted(2))
  const labels = [['__name__', 'up']]
  assert.deepEqual(store.get('up'), { labels, timestampMs: now + 15_000, startMs: 0, value: 1, stale: false })
})

test('one sample out of order rejects a whole 1.0 request', () => {
  const store = storeOf()
  store.write(requestOf(1, ['a', [1, 15]]), now)
  const { problems, samples } = store.write(requestOf(1, ['b', [1, 15]], ['a', [1, 0]]), now)
  assert.deepEqual(problems, [`out of order sample, series a, timestamp ${now}`])
  assert.equal(samples, 0)
  assert.equal(store.get('b'), undefined)
})

test('samples of one series out of order within a 1.0 request reject it', () => {
  assert.match(storeOf().write(requestOf(1, ['a', [1, 15], [1, 0]]), now).problems[0] ?? '', /out of order/)
})

test('the valid samples of a 2.0 request are accepted', () => {
  const store = storeOf()
  store.write(requestOf(2, ['a', [1, 15]]), now)
  const { problems, samples } = store.write(requestOf(2, ['a', [1, 0], [2, 30]], ['b', [1, 15]]), now)
  assert.equal(problems.length, 1)
  assert.equal(samples, 2)
  assert.equal(store.get('a')?.value, 2)
  assert.equal(store.get('b')?.value, 1)
})

test('a duplicate of the newest sample is accepted without effect, a duplicate of an older one is out of order', () => {
  const store = storeOf()
  store.write(requestOf(1, ['a', [1, 0], [2, 15]]), now)
  assert.deepEqual(store.write(requestOf(1, ['a', [2, 15]]), now), accepted(1))
  assert.equal(store.ledger.length, 2)
  assert.match(store.write(requestOf(1, ['a', [1, 0]]), now).problems[0] ?? '', /out of order/)
})

test('a different value for the timestamp of the newest sample is rejected', () => {
  const store = storeOf()
  store.write(requestOf(1, ['a', [0, 0]]), now)
  assert.match(store.write(requestOf(1, ['a', [-0, 0]]), now).problems[0] ?? '', /duplicate sample for timestamp/)
})

test('a sample more than ten minutes in the future is rejected', () => {
  assert.deepEqual(storeOf().write(requestOf(1, ['a', [1, 600]]), now), accepted(1))
  assert.match(storeOf().write(requestOf(1, ['a', [1, 601]]), now).problems[0] ?? '', /too far in the future/)
})

test('only the NaN with the bits of a stale marker is stale', () => {
  const store = storeOf()
  store.write(requestOf(1, ['gone', [stale, 0]], ['broken', [Number.NaN, 0]]), now)
  assert.deepEqual([store.get('gone')?.stale, store.get('broken')?.stale], [true, false])
  assert.equal(expositionText(store), 'broken NaN\n')
})

test('a full store rejects new series until a stored series ends', () => {
  const store = storeOf({ maxSeries: 2 })
  store.write(requestOf(1, ['a', [1, 0]], ['b', [1, 0]]), now)
  assert.match(store.write(requestOf(1, ['c', [1, 0]]), now).problems[0] ?? '', /too many series, series c/)
  store.write(requestOf(1, ['a', [stale, 15]]), now)
  assert.deepEqual(store.write(requestOf(1, ['c', [1, 15]]), now), accepted(1))
  assert.match(store.write(requestOf(1, ['d', [1, 15]]), now).problems[0] ?? '', /too many series/)
})

test('a result lists the first five problems and counts the others', () => {
  const lines = Array.from({ length: 8 }, (_, i): Line => [`a${i}`, [1, 700]])
  const { problems } = storeOf().write(requestOf(1, ...lines), now)
  assert.equal(problems.length, 6)
  assert.equal(problems.at(-1), 'and 3 more')
})

test('the text exposition groups series by family, with help and type from the metadata', () => {
  const store = storeOf()
  const type = 'histogram'
  const metadata = new Map([
    ['h', { type, help: 'back\\slash\nline', unit: '' } as const],
    ['i', { type: 'info', help: '', unit: '' } as const],
  ])
  store.write(requestOf(1, ['z', [1, 0]], ['h_sum', [2.5, 0]], ['i', [1, 0]], ['h_count', [1e9, 0]]), now)
  store.write({ version: 1, series: [], metadata }, now)
  const expected = ['# HELP h back\\\\slash\\nline', '# TYPE h histogram', 'h_sum 2.5', 'h_count 1e+09']
  assert.equal(expositionText(store), [...expected, '# TYPE i untyped', 'i 1', 'z 1', ''].join('\n'))
})
