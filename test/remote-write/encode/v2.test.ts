import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Entry } from '../../../src/buffer/types.ts'
import { createDecoder, isStale, toNumber } from '../../../src/demo-receiver/decode.ts'
import {
  counter,
  type Family,
  family,
  gauge,
  type MetricType,
  ownCounter,
  untyped,
} from '../../../src/metrics/family.ts'
import { SeriesTable } from '../../../src/metrics/series.ts'
import { type Snapshot, SnapshotBuilder } from '../../../src/metrics/snapshot.ts'
import { batchOf } from '../../../src/remote-write/encode/batch.ts'
import { EncoderV2 } from '../../../src/remote-write/encode/v2.ts'
import { v2 } from '../../demo-receiver/wire.ts'

const load1 = gauge('node_load1', '1m load average.')
const up = untyped('up', '')
const atMs = 1_700_000_000_000
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const decode = await createDecoder()

interface Raw {
  readonly symbols: readonly string[]
  readonly timeseries: readonly {
    readonly labels_refs: readonly number[]
    readonly samples: readonly {
      readonly value: number
      readonly timestamp: number
      readonly start_timestamp?: number
    }[]
    readonly metadata?: { readonly type?: number; readonly help_ref?: number }
  }[]
}

function raw(bytes: Uint8Array): Raw {
  const type = v2.lookupType('io.prometheus.write.v2.Request')
  return type.toObject(type.decode(bytes), { longs: Number, arrays: true }) as Raw
}

/** Snapshots of these families. Each value is the index of its snapshot. */
function entriesOf(families: readonly Family[], count: number, more: Partial<Snapshot> = {}): readonly Entry[] {
  const builder = new SnapshotBuilder(new SeriesTable({ instance: 'h' }))
  return Array.from({ length: count }, (_, i) => {
    builder.begin()
    for (const one of families) builder.add(one, i + 0.5)
    return { sequence: i + 1, snapshot: { ...builder.end(atMs + i * 15_000), ...more } }
  })
}

test('one sample with its metadata is encoded as in the specification', () => {
  const { bytes, samples, metadata } = new EncoderV2('full').encode(batchOf(entriesOf([load1], 1), []))
  assert.equal(
    hex(bytes),
    '220022085f5f6e616d655f5f220a6e6f64655f6c6f6164312208696e7374616e63652201682210316d206c6f616420617665726167652e' +
      '2a1e0a0401020304121009000000000000e03f1080d095ffbc312a0408021805',
  )
  assert.deepEqual([samples, metadata], [1, 1])
})

test('a series has type and help, the type only, or no metadata', () => {
  const said = (inline: 'full' | 'types_only' | 'none') => {
    const { bytes, metadata } = new EncoderV2(inline).encode(batchOf(entriesOf([load1, up], 1), []))
    const { symbols, timeseries } = raw(bytes)
    return [metadata, symbols.includes(load1.help), ...timeseries.map((one) => one.metadata ?? 'none')]
  }
  assert.deepEqual(said('full'), [1, true, { type: 2, help_ref: 5 }, 'none'])
  assert.deepEqual(said('types_only'), [1, false, { type: 2 }, 'none'])
  assert.deepEqual(said('none'), [0, false, 'none', 'none'])
})

test('samples of counters have the start time of their agent; gauges have none', () => {
  const kinds = [counter('of_kernel', ''), ownCounter('own', ''), load1]
  const [one, two] = entriesOf(kinds, 2) as [Entry, Entry]
  const begun = (boot: number, start: number) => ({ starts: { boot, start } })
  const entries = [
    { ...one, snapshot: { ...one.snapshot, ...begun(atMs - 9000, atMs - 10) } },
    { ...two, snapshot: { ...two.snapshot, ...begun(atMs - 8000, atMs + 10) } },
  ]
  const expected = [
    [atMs - 9000, atMs - 8000],
    [atMs - 10, atMs + 10],
    [0, 0],
  ]
  const starts = (batch: readonly Entry[]) =>
    raw(new EncoderV2('full').encode(batchOf(batch, [])).bytes).timeseries.map(({ samples }) =>
      samples.map(({ start_timestamp = 0 }) => start_timestamp),
    )
  assert.deepEqual(starts(entries), expected)
  const apart = entries.map((entry) => ({
    ...entry,
    snapshot: { ...entry.snapshot, series: [...entry.snapshot.series] },
  }))
  assert.deepEqual(starts(apart), expected)
})

test('a start time that is unknown or not before its sample is omitted', () => {
  for (const boot of [0, atMs, atMs + 1]) {
    const entries = entriesOf([counter('of_kernel', '')], 1, { starts: { boot, start: 0 } })
    const { timeseries } = raw(new EncoderV2('none').encode(batchOf(entries, [])).bytes)
    assert.deepEqual(timeseries[0]?.samples, [{ value: 0.5, timestamp: atMs }])
  }
})

test('uniform and mixed batches give the same bytes', () => {
  const entries = entriesOf([load1, counter('c_total', 'C.'), up], 7, { starts: { boot: 5, start: 6 } })
  const encoder = new EncoderV2('full')
  const alike = hex(encoder.encode(batchOf(entries, [])).bytes)
  const apart = entries.map(({ sequence, snapshot }) => ({
    sequence,
    snapshot: { ...snapshot, series: [...snapshot.series] },
  }))
  assert.equal(hex(encoder.encode(batchOf(apart, [])).bytes), alike)
  assert.equal(hex(encoder.encode(batchOf(entries, [])).bytes), alike, 'once more, from what is kept')
})

/** Strings as on a host: empty, long, non-Latin, invalid UTF-16. */
const text = fc.oneof(
  fc.constantFrom('', 'a', '__name__', '\ud800', '\uffff', '\u{10000}'),
  fc.string({ unit: 'binary' }),
)
const types: readonly MetricType[] = ['untyped', 'counter', 'gauge', 'histogram', 'summary']

interface Drawn {
  readonly families: readonly (readonly [
    MetricType,
    help: string,
    labels: readonly string[],
    undefined | 'boot' | 'start' | 777,
  ])[]
  /** Series of each snapshot, and which of them have explicit timestamps. */
  readonly snapshots: readonly { readonly has: readonly boolean[]; readonly own: boolean; readonly starts: boolean }[]
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  families: fc.array(
    fc.tuple(
      fc.constantFrom(...types),
      text,
      fc.array(text, { minLength: 2, maxLength: 2 }),
      fc.constantFrom(undefined, 'boot' as const, 'start' as const, 777 as const),
    ),
    { minLength: 1, maxLength: 12 },
  ),
  snapshots: fc.array(
    fc.record({
      has: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
      own: fc.boolean(),
      starts: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5 },
  ),
})

/** One line per expected sample: labels, timestamp, value, start time. */
function built({ families, snapshots }: Drawn) {
  const identity = { instance: 'h\ud800', '\u{10000}z': '1', '\uffffz': '2', empty: '' }
  const builder = new SnapshotBuilder(new SeriesTable(identity))
  const made = families.map(([type, help, , since], i) => ({
    ...family(type, `f${i}`, help, ['Zone', 'a_b']),
    ...(since && { since }),
  }))
  const values = [0, -0, 1.5, Number.NaN, Infinity, -Infinity, Number.MAX_VALUE, 5e-324]
  const expected: string[] = []
  const before = new Set<string>()
  const entries = snapshots.map(({ has, own, starts: hasStarts }, at) => {
    const snapshotMs = atMs + at * 1000
    const starts = { boot: 1000 + at, start: 2000 + at }
    const ownMs: number[] = []
    builder.begin()
    for (const [i, one] of made.entries()) {
      const [zone = '', other = ''] = families[i]?.[2] ?? []
      const labels = { ...identity, Zone: zone, a_b: other, __name__: one.name }
      const key = JSON.stringify(
        Object.entries(labels)
          .filter(([, value]) => value !== '')
          .map(([name, value]) => [name, value.toWellFormed()])
          .sort(([left = ''], [right = '']) => Buffer.compare(Buffer.from(left), Buffer.from(right))),
      )
      if (!has[i]) {
        if (before.delete(key)) expected.push(`${key} ${snapshotMs} stale 0`)
        continue
      }
      const value = values[(i + at) % values.length] ?? 0
      const isOwn = own && i % 2 === 0
      const timestampMs = isOwn ? snapshotMs - 7 : snapshotMs
      ownMs.push(isOwn ? timestampMs : Number.NaN)
      builder.add(one, value, { Zone: zone, a_b: other })
      const start = typeof one.since === 'number' ? one.since : hasStarts && one.since ? starts[one.since] : 0
      expected.push(`${key} ${timestampMs} ${Object.is(value, -0) ? '-0' : value} ${start}`)
      if (isOwn) before.delete(key)
      else before.add(key)
    }
    const snapshot: Snapshot = {
      ...builder.end(snapshotMs),
      ...(own && { ownTimestampsMs: Float64Array.from(ownMs) }),
      ...(hasStarts && { starts }),
    }
    return { sequence: at + 1, snapshot }
  })
  return { entries, expected }
}

test('random snapshots decode to the same samples, with a valid symbol table', () => {
  fc.assert(
    fc.property(drawn, fc.constantFrom('full' as const, 'types_only' as const, 'none' as const), (draw, inline) => {
      const { entries, expected } = built(draw)
      const { bytes, samples } = new EncoderV2(inline).encode(batchOf(entries, []))
      const { symbols, timeseries } = raw(bytes)
      if (expected.length > 0) assert.equal(symbols[0], '')
      assert.equal(new Set(symbols).size, symbols.length)
      for (const { labels_refs, metadata } of timeseries) {
        assert.ok([...labels_refs, metadata?.help_ref ?? 0].every((ref) => ref < symbols.length))
        assert.ok(labels_refs.every((ref) => symbols[ref] !== ''))
      }
      const arrived = decode(2, bytes).series.flatMap(({ labels, samples: row }) => {
        const times = row.map(({ timestampMs }) => timestampMs)
        assert.deepEqual(
          times,
          times.toSorted((left, right) => left - right),
        )
        return row.map(({ timestampMs, bits, startMs }) => {
          const value = toNumber(bits)
          const shown = isStale(bits) ? 'stale' : Object.is(value, -0) ? '-0' : value
          return `${JSON.stringify(labels)} ${timestampMs} ${shown} ${startMs}`
        })
      })
      assert.deepEqual(arrived.toSorted(), expected.toSorted())
      assert.equal(samples, expected.length)
      const metadata = timeseries.map((one) => symbols[one.metadata?.help_ref ?? 0])
      if (inline !== 'full') assert.ok(metadata.every((help) => help === ''))
    }),
    { numRuns: 500 },
  )
})

test('a request written into the previous one equals that of a new encoder', () => {
  const entries = entriesOf([load1, counter('c_total', 'C.'), ownCounter('own', ''), up], 8)
  const starts = [undefined, { boot: 5, start: 6 }, { boot: 7, start: 8 }, { boot: 0, start: 9 }]
  const times = [atMs, atMs + 1, 1000, atMs + 2]
  const encoder = new EncoderV2('full')
  for (const [i, { sequence, snapshot }] of entries.entries()) {
    const changed = {
      ...snapshot,
      timestampMs: times[i % 4] ?? 0,
      ...(starts[(i >> 1) % 4] && { starts: starts[(i >> 1) % 4] }),
    }
    const batch = batchOf([{ sequence, snapshot: changed }], [])
    assert.equal(hex(encoder.encode(batch).bytes), hex(new EncoderV2('full').encode(batch).bytes))
    if (i === 5) encoder.encode(batchOf(entries, []))
  }
})
