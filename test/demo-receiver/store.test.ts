import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bits, Incoming } from '../../src/demo-receiver/decode.ts'
import type { Pair, Version } from '../../src/demo-receiver/labels.ts'
import { page } from '../../src/demo-receiver/page.ts'
import { type Bounds, Store, type Written } from '../../src/demo-receiver/store.ts'
import { stale } from './wire.ts'

const now = 1_700_000_000_000

const storeOf = (bounds: Partial<Bounds> = {}) => new Store({ maxSeries: 100, maxFutureMs: 600_000, ...bounds }, true)

function bitsOf(value: number | Bits): Bits {
  if (typeof value === 'object') return value
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return { low: view.getInt32(4), high: view.getInt32(0) }
}

type Line = readonly [name: string, ...samples: (readonly [value: number | Bits, seconds: number])[]]

function incoming(version: Version, ...lines: Line[]): Incoming {
  const series = lines.map(([name, ...samples]) => ({
    labels: [['__name__', name]] as readonly Pair[],
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

const taken = (samples: number): Written => ({ problems: [], samples, histograms: 0, exemplars: 0 })

test('the newest sample of a series is remembered', () => {
  const store = storeOf()
  assert.deepEqual(store.take(incoming(1, ['up', [0, 0], [1, 15]]), now), taken(2))
  const labels = [['__name__', 'up']]
  assert.deepEqual(store.get('up'), { labels, timestampMs: now + 15_000, startMs: 0, value: 1, stale: false })
})

test('one sample out of order refuses a whole request of 1.0', () => {
  const store = storeOf()
  store.take(incoming(1, ['a', [1, 15]]), now)
  const { problems, samples } = store.take(incoming(1, ['b', [1, 15]], ['a', [1, 0]]), now)
  assert.deepEqual(problems, [`out of order sample, series a, timestamp ${now}`])
  assert.equal(samples, 0)
  assert.equal(store.get('b'), undefined)
})

test('samples of one series that go back within a request refuse it', () => {
  assert.match(storeOf().take(incoming(1, ['a', [1, 15], [1, 0]]), now).problems[0] ?? '', /out of order/)
})

test('of a request of 2.0 everything that is right is taken', () => {
  const store = storeOf()
  store.take(incoming(2, ['a', [1, 15]]), now)
  const { problems, samples } = store.take(incoming(2, ['a', [1, 0], [2, 30]], ['b', [1, 15]]), now)
  assert.equal(problems.length, 1)
  assert.equal(samples, 2)
  assert.equal(store.get('a')?.value, 2)
  assert.equal(store.get('b')?.value, 1)
})

test('the newest sample again is taken without an effect, an older one again is out of order', () => {
  const store = storeOf()
  store.take(incoming(1, ['a', [1, 0], [2, 15]]), now)
  assert.deepEqual(store.take(incoming(1, ['a', [2, 15]]), now), taken(1))
  assert.equal(store.ledger.length, 2)
  assert.match(store.take(incoming(1, ['a', [1, 0]]), now).problems[0] ?? '', /out of order/)
})

test('another value for the timestamp of the newest sample is refused', () => {
  const store = storeOf()
  store.take(incoming(1, ['a', [0, 0]]), now)
  assert.match(store.take(incoming(1, ['a', [-0, 0]]), now).problems[0] ?? '', /duplicate sample for timestamp/)
})

test('a sample more than ten minutes ahead is refused', () => {
  assert.deepEqual(storeOf().take(incoming(1, ['a', [1, 600]]), now), taken(1))
  assert.match(storeOf().take(incoming(1, ['a', [1, 601]]), now).problems[0] ?? '', /too far in the future/)
})

test('a stale marker is not any other NaN', () => {
  const store = storeOf()
  store.take(incoming(1, ['gone', [stale, 0]], ['broken', [Number.NaN, 0]]), now)
  assert.deepEqual([store.get('gone')?.stale, store.get('broken')?.stale], [true, false])
  assert.equal(page(store), 'broken NaN\n')
})

test('there are no more series than allowed, and those that ended make room', () => {
  const store = storeOf({ maxSeries: 2 })
  store.take(incoming(1, ['a', [1, 0]], ['b', [1, 0]]), now)
  assert.match(store.take(incoming(1, ['c', [1, 0]]), now).problems[0] ?? '', /too many series, series c/)
  store.take(incoming(1, ['a', [stale, 15]]), now)
  assert.deepEqual(store.take(incoming(1, ['c', [1, 15]]), now), taken(1))
  assert.match(store.take(incoming(1, ['d', [1, 15]]), now).problems[0] ?? '', /too many series/)
})

test('many problems are told by the first few', () => {
  const lines = Array.from({ length: 8 }, (_, i): Line => [`a${i}`, [1, 700]])
  const { problems } = storeOf().take(incoming(1, ...lines), now)
  assert.equal(problems.length, 6)
  assert.equal(problems.at(-1), 'and 3 more')
})

test('the page groups series by family, with help and type where they are known', () => {
  const store = storeOf()
  const type = 'histogram'
  const metadata = new Map([
    ['h', { type, help: 'back\\slash\nline', unit: '' } as const],
    ['i', { type: 'info', help: '', unit: '' } as const],
  ])
  store.take(incoming(1, ['z', [1, 0]], ['h_sum', [2.5, 0]], ['i', [1, 0]], ['h_count', [1e9, 0]]), now)
  store.take({ version: 1, series: [], metadata }, now)
  const expected = ['# HELP h back\\\\slash\\nline', '# TYPE h histogram', 'h_sum 2.5', 'h_count 1e+09']
  assert.equal(page(store), [...expected, '# TYPE i untyped', 'i 1', 'z 1', ''].join('\n'))
})
