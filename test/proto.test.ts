import assert from 'node:assert/strict'
import { test } from 'node:test'
import type protobuf from 'protobufjs'
import { v1, v2 } from './demo-receiver/wire.ts'

/** `name = number` of each field, in the order of the numbers. */
function fieldsOf(root: protobuf.Root, type: string): string {
  const fields = [...root.lookupType(type).fieldsArray].sort((left, right) => left.id - right.id)
  return fields.map(({ repeated, type: kind, name, id }) => `${repeated ? '*' : ''}${kind} ${name}=${id}`).join(' ')
}

const histogram = [
  'uint64 count_int=1 double count_float=2 double sum=3 sint32 schema=4 double zero_threshold=5',
  'uint64 zero_count_int=6 double zero_count_float=7',
  '*BucketSpan negative_spans=8 *sint64 negative_deltas=9 *double negative_counts=10',
  '*BucketSpan positive_spans=11 *sint64 positive_deltas=12 *double positive_counts=13',
  'ResetHint reset_hint=14 int64 timestamp=15 *double custom_values=16',
].join(' ')

test('the messages of 1.0 have the fields of the protocol', () => {
  const fields = {
    WriteRequest: '*TimeSeries timeseries=1 *MetricMetadata metadata=3',
    TimeSeries: '*Label labels=1 *Sample samples=2 *Exemplar exemplars=3 *Histogram histograms=4',
    Label: 'string name=1 string value=2',
    Sample: 'double value=1 int64 timestamp=2',
    Exemplar: '*Label labels=1 double value=2 int64 timestamp=3',
    MetricMetadata: 'MetricType type=1 string metric_family_name=2 string help=4 string unit=5',
    Histogram: histogram,
    BucketSpan: 'sint32 offset=1 uint32 length=2',
  }
  for (const [type, expected] of Object.entries(fields)) assert.equal(fieldsOf(v1, `prometheus.${type}`), expected)
})

test('the messages of 2.0 have the fields of the protocol', () => {
  const fields = {
    Request: '*string symbols=4 *TimeSeries timeseries=5',
    TimeSeries:
      '*uint32 labels_refs=1 *Sample samples=2 *Histogram histograms=3 *Exemplar exemplars=4 Metadata metadata=5',
    Sample: 'double value=1 int64 timestamp=2 int64 start_timestamp=3',
    Exemplar: '*uint32 labels_refs=1 double value=2 int64 timestamp=3',
    Metadata: 'MetricType type=1 uint32 help_ref=3 uint32 unit_ref=4',
    Histogram: `${histogram} int64 start_timestamp=17`,
    BucketSpan: 'sint32 offset=1 uint32 length=2',
  }
  for (const [type, expected] of Object.entries(fields))
    assert.equal(fieldsOf(v2, `io.prometheus.write.v2.${type}`), expected)
})

test('metric types and reset hints have the numbers of the protocol', () => {
  const values = (root: protobuf.Root, path: string) => Object.values(root.lookupEnum(path).values)
  assert.deepEqual(
    { ...v1.lookupEnum('prometheus.MetricMetadata.MetricType').values },
    {
      UNKNOWN: 0,
      COUNTER: 1,
      GAUGE: 2,
      HISTOGRAM: 3,
      GAUGEHISTOGRAM: 4,
      SUMMARY: 5,
      INFO: 6,
      STATESET: 7,
    },
  )
  assert.deepEqual(values(v2, 'io.prometheus.write.v2.Metadata.MetricType'), [0, 1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(values(v1, 'prometheus.Histogram.ResetHint'), [0, 1, 2, 3])
  assert.deepEqual(values(v2, 'io.prometheus.write.v2.Histogram.ResetHint'), [0, 1, 2, 3])
})

function decoded(root: protobuf.Root, type: string, hex: string): Record<string, unknown> {
  const message = root.lookupType(type)
  return message.toObject(message.decode(Buffer.from(hex, 'hex')), { longs: Number, enums: String })
}

test('a 1.0 sample decodes to its values', () => {
  const hex =
    '0a390a160a085f5f6e616d655f5f120a6e6f64655f6c6f6164310a0d0a08696e7374616e6365120168121009000000000000e03f1080d095ffbc31'
  assert.deepEqual(decoded(v1, 'prometheus.WriteRequest', hex), {
    timeseries: [
      {
        labels: [
          { name: '__name__', value: 'node_load1' },
          { name: 'instance', value: 'h' },
        ],
        samples: [{ value: 0.5, timestamp: 1700000000000 }],
      },
    ],
  })
})

test('a stale marker keeps its bits between its tag and its timestamp', () => {
  const hex = '0a220a0e0a085f5f6e616d655f5f12027570121009020000000000f07f1080d095ffbc31'
  const message = decoded(v1, 'prometheus.WriteRequest', hex) as { timeseries: { samples: { value: number }[] }[] }
  assert.equal(message.timeseries[0]?.samples[0]?.value, Number.NaN)
  assert.equal(Buffer.from(hex, 'hex').readBigUInt64LE(21), 0x7ff0000000000002n)
})

test('a metadata request of 1.0 decodes to its values', () => {
  const hex = '1a200802120a6e6f64655f6c6f6164312210316d206c6f616420617665726167652e'
  assert.deepEqual(decoded(v1, 'prometheus.WriteRequest', hex), {
    metadata: [{ type: 'GAUGE', metric_family_name: 'node_load1', help: '1m load average.' }],
  })
})

const v2Hex = [
  '220022085f5f6e616d655f5f220a6e6f64655f6c6f6164312208696e7374616e63652201682210316d206c6f616420617665726167652e',
  '2a1e0a0401020304121009000000000000e03f1080d095ffbc312a0408021805',
].join('')

test('a 2.0 request decodes to its values', () => {
  assert.deepEqual(decoded(v2, 'io.prometheus.write.v2.Request', v2Hex), {
    symbols: ['', '__name__', 'node_load1', 'instance', 'h', '1m load average.'],
    timeseries: [
      {
        labels_refs: [1, 2, 3, 4],
        samples: [{ value: 0.5, timestamp: 1700000000000 }],
        metadata: { type: 'METRIC_TYPE_GAUGE', help_ref: 5 },
      },
    ],
  })
})

test('a 2.0 request decoded as 1.0 is empty', () => {
  assert.deepEqual(decoded(v1, 'prometheus.WriteRequest', v2Hex), {})
})
