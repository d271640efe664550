import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPushed, snapshotOf } from '../../../src/metrics/exposition/read-pushed.ts'
import { seriesText } from '../../../src/metrics/exposition/write.ts'

const read = (text: string) => readPushed(Buffer.from(text))

/** Samples as `TYPE series value @timestamp`. */
function samples(text: string): string[] {
  const { families, faults } = read(text)
  assert.deepEqual(faults, [])
  return families.flatMap(({ name, type, samples }) =>
    samples.map(({ suffix, labels, value, timestampMs }) => {
      const time = timestampMs === undefined ? '' : ` @${timestampMs}`
      return `${type} ${seriesText(name + suffix, Object.entries(labels))} ${value}${time}`
    }),
  )
}

test('the text format is read, with its timestamps in milliseconds', () => {
  assert.deepEqual(samples('# TYPE rows_total counter\nrows_total{table="a"} 42 1700000000123\nplain 1\n'), [
    'counter rows_total{table="a"} 42 @1700000000123',
    'untyped plain 1',
  ])
})

test('every invalid line is reported', () => {
  const { faults } = read('good 1\n2bad 1\nrows one\ngood 2\ngood{a="1"} 3\nx{a="1",a="2"} 1\nlast 1')
  assert.deepEqual(faults, [
    'line 2: expected a metric name at column 1, found "2bad 1"',
    'line 3: expected a number as value, found "one"',
    'line 4: good appears twice',
    'line 6: duplicate label a',
    'line 7: the last line has no line feed',
  ])
})

test('at most twenty errors are reported', () => {
  assert.equal(read('1\n'.repeat(1000)).faults.length, 20)
})

test('a series is the same with any order of its labels, and another timestamp', () => {
  assert.deepEqual(read('a{x="1",y="2"} 1 1000\na{y="2",x="1"} 1 2000\n').faults, [
    'line 2: a{x="1",y="2"} appears twice',
  ])
})

test('OpenMetrics is detected by # EOF, with its types, timestamps in seconds and exemplars', () => {
  const text = [
    '# TYPE rows counter',
    '# HELP rows Rows \\"read\\".',
    'rows_total{table="a"} 42 1700000000.1235 # {trace_id="x # y"} 1 1700000000',
    'rows_created{table="a"} 1.6e9',
    '# HELP heat_celsius Warmth.',
    '# TYPE heat_celsius gauge',
    '# UNIT heat_celsius celsius',
    'heat_celsius 21.5',
    '# TYPE wait_seconds histogram',
    '# UNIT wait_seconds seconds',
    'wait_seconds_bucket{le="0.5"} 1 # {} 0.3',
    'wait_seconds_bucket{le="+Inf"} 2',
    'wait_seconds_count 2',
    'wait_seconds_sum 1.5',
    'wait_seconds_created 1.6e9',
    '# TYPE size summary',
    'size{quantile="0.5"} 3',
    'size_count 4',
    'size_sum 12',
    '# TYPE build info',
    'build_info{version="1"} 1',
    '# TYPE door stateset',
    'door{door="open"} 1',
    'door{door="shut"} 0',
    '# TYPE pool gaugehistogram',
    'pool_bucket{le="+Inf"} 3',
    'pool_gcount 3',
    'pool_gsum 4',
    '# TYPE odd unknown',
    'odd 1 -5',
    'bare{a="\\n"} NaN',
    '# EOF',
    '',
  ].join('\n')
  assert.deepEqual(
    samples(text).sort(),
    [
      'counter rows_total{table="a"} 42 @1700000000124',
      'gauge heat_celsius 21.5',
      'histogram wait_seconds_bucket{le="0.5"} 1',
      'histogram wait_seconds_bucket{le="+Inf"} 2',
      'histogram wait_seconds_sum 1.5',
      'histogram wait_seconds_count 2',
      'summary size{quantile="0.5"} 3',
      'summary size_sum 12',
      'summary size_count 4',
      'gauge build_info{version="1"} 1',
      'gauge door{door="open"} 1',
      'gauge door{door="shut"} 0',
      'gauge pool_bucket{le="+Inf"} 3',
      'gauge pool_gsum 4',
      'gauge pool_gcount 3',
      'untyped odd 1 @-5000',
      'untyped bare{a="\\n"} NaN',
    ].sort(),
  )
  const { families } = read(text)
  assert.deepEqual([families[0]?.help, families[1]?.help, families[2]?.help], ['Rows "read".', 'Warmth.', ''])
  assert.deepEqual(samples(text.trimEnd()), samples(text))
})

const wrong: Readonly<Record<string, readonly [text: string, fault: string]>> = {
  'a counter without _total': [
    '# TYPE rows counter\nrows 1\n# EOF\n',
    'line 2: rows is not a sample of rows: expected rows_total',
  ],
  'a family in two places': ['a 1\nb 1\na{x="1"} 1\n# EOF\n', 'line 3: the lines of a are not in one group'],
  'a type that is none': ['# TYPE a thing\n# EOF\n', 'line 1: "thing" is not a type'],
  'a type of the text format': ['# TYPE a untyped\n# EOF\n', 'line 1: "untyped" is not a type'],
  'a type after its samples': [
    'a 1\n# TYPE a gauge\n# EOF\n',
    'line 2: second TYPE line for a, or TYPE after its samples',
  ],
  'a second help': ['# HELP a x\n# HELP a y\n# EOF\n', 'line 2: second HELP line for a, or HELP after its samples'],
  'a unit that the name does not have': [
    '# UNIT a seconds\n# EOF\n',
    'line 1: the name a does not end with its unit, seconds',
  ],
  'another comment': ['# by hand\n# EOF\n', 'line 1: expected # TYPE, # HELP, # UNIT or # EOF'],
  'an empty line': ['a 1\n\n# EOF\n', 'line 2: expected a metric name at column 1, found the end of the line'],
  'an end in between': ['a 1\n# EOF\n# EOF\n', 'line 3: unexpected line after # EOF'],
  'an exemplar without labels': [
    'a 1 # 1\n# EOF\n',
    'line 1: expected the labels of an exemplar at column 7, found "1"',
  ],
  'a timestamp that is no number': ['a 1 now\n# EOF\n', 'line 1: expected a timestamp in seconds, found "now"'],
  'a timestamp without end': ['a 1 +Inf\n# EOF\n', 'line 1: expected a timestamp in seconds, found "+Inf"'],
  'a series twice': ['a 1 1\na 2 2\n# EOF\n', 'line 2: a appears twice'],
}
for (const [name, [text, fault]] of Object.entries(wrong)) {
  test(`OpenMetrics with ${name} is rejected`, () => {
    assert.deepEqual(read(text).faults, [fault])
  })
}

test('without # EOF the text is parsed as text format', () => {
  assert.deepEqual(samples('# TYPE rows_total counter\n# UNIT rows rows\nrows_total 1 1000\n'), [
    'counter rows_total 1 @1000',
  ])
  assert.equal(read('rows_total 1 1.5\n').faults.length, 1)
})

test('an empty text has no family', () => {
  for (const text of ['', '\n', '# EOF\n', '# TYPE a gauge\n# EOF'])
    assert.deepEqual(read(text), { families: [], faults: [] })
})

test('garbage gives errors', () => {
  const random = (seed: number) => Buffer.from(Array.from({ length: 400 }, (_, i) => (seed * (i + 7) * 7919) % 128))
  for (let seed = 1; seed < 300; seed++) {
    for (const end of ['', '\n# EOF\n']) {
      const { faults } = readPushed(Buffer.concat([random(seed), Buffer.from(end)]))
      assert.ok(faults.length > 0)
    }
  }
})

test('_created sets the start of each series, at any position', () => {
  const text = [
    '# TYPE rows counter',
    'rows_created{table="a"} 1.6e9',
    'rows_total{table="a"} 42',
    'rows_total{table="b"} 43',
    'rows_created{table="b"} 1600000000.5',
    'rows_total{table="c"} 44',
    '# TYPE wait_seconds histogram',
    'wait_seconds_bucket{le="+Inf"} 2',
    'wait_seconds_count 2',
    'wait_seconds_sum 1.5',
    'wait_seconds_created 1.7e9',
    '# TYPE never counter',
    'never_created 1.6e9',
    '# EOF',
  ].join('\n')
  const { families, faults } = readPushed(Buffer.from(`${text}\n`))
  assert.deepEqual(faults, [])
  const { series, values } = snapshotOf(families, {}, 1_800_000_000_000)
  assert.deepEqual(
    series.map(({ family, labelValues }, i) => [family.name + family.suffix, labelValues[0], values[i], family.since]),
    [
      ['rows_total', 'a', 42, 1_600_000_000_000],
      ['rows_total', 'b', 43, 1_600_000_000_500],
      ['rows_total', 'c', 44, undefined],
      ['wait_seconds_bucket', '+Inf', 2, 1_700_000_000_000],
      ['wait_seconds_sum', undefined, 1.5, 1_700_000_000_000],
      ['wait_seconds_count', undefined, 2, 1_700_000_000_000],
    ],
  )
})
