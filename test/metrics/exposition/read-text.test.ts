import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ReadFamily, readText } from '../../../src/metrics/exposition/read-text.ts'
import { seriesText } from '../../../src/metrics/exposition/write.ts'

/** Families as `TYPE name: series value; …`. */
function read(text: string | Uint8Array): string[] {
  return readText(text).map(
    ({ name, type, samples }) => `${type} ${name}: ${samples.map((one) => shown(name, one)).join('; ')}`,
  )
}

function shown(name: string, { suffix, labels, value, timestampMs }: ReadFamily['samples'][number]): string {
  const time = timestampMs === undefined ? '' : ` @${timestampMs}`
  return `${seriesText(name + suffix, Object.entries(labels))} ${value}${time}`
}

const refuses = (text: string | Uint8Array, message: string | RegExp) =>
  assert.throws(() => readText(text), typeof message === 'string' ? { message } : message)

describe('samples', () => {
  test('are untyped without a TYPE, and may come in any order of families', () => {
    const text = 'jobs{queue="a"} 3\nusers 7\njobs{queue="b"} 4\n'
    assert.deepEqual(read(text), ['untyped jobs: jobs{queue="a"} 3; jobs{queue="b"} 4', 'untyped users: users 7'])
  })

  test('may have blanks between tokens, and a comma after the last label', () => {
    const text = '  jobs { queue = "a" , site="x" , } \t 3\nusers{}\t7\nplain{a="1"}5\n'
    assert.deepEqual(read(text), [
      'untyped jobs: jobs{queue="a",site="x"} 3',
      'untyped users: users 7',
      'untyped plain: plain{a="1"} 5',
    ])
  })

  test('keep their timestamps', () => {
    assert.deepEqual(read('jobs 3 1700000000123\nusers 7  -5\n'), [
      'untyped jobs: jobs 3 @1700000000123',
      'untyped users: users 7 @-5',
    ])
  })

  test("have values in Go's format", () => {
    const texts = ['1', '-0.5', '+3', '.5', '5.', '1e3', '1E+3', '1e-400', 'NaN', 'nan', 'inf', '+Inf', '-INFINITY']
    const values = [1, -0.5, 3, 0.5, 5, 1000, 1000, 0, NaN, NaN, Infinity, Infinity, -Infinity]
    const text = texts.map((value) => `v ${value}\n`).join('')
    assert.deepEqual(
      readText(text)[0]?.samples.map(({ value }) => value),
      values,
    )
  })

  for (const value of ['', '0x10', '0x1p4', '1_000', '1e400', '+nan', '1e', '.', '--1', 'one', '{b="2"}'])
    test(`reject the value ${JSON.stringify(value)}`, () => {
      refuses(`ok 1\nv{a="1"} ${value}\n`, `line 2: expected a number as value, found ${JSON.stringify(value)}`)
    })

  test('may have a quoted name inside the braces', () => {
    assert.deepEqual(read('{"jobs","queue"="a"} 3\n{queue="b", "jobs"} 4\n'), [
      'untyped jobs: jobs{queue="a"} 3; jobs{queue="b"} 4',
    ])
  })

  test('unescape label values', () => {
    assert.equal(readText('v{path="C:\\\\x\\n\\"y\\""} 1\n')[0]?.samples[0]?.labels.path, 'C:\\x\n"y"')
  })

  test('have labels with the name of an object method', () => {
    assert.deepEqual(read('v{constructor="x",toString="y"} 1\n'), ['untyped v: v{constructor="x",toString="y"} 1'])
  })
})

describe('comments', () => {
  test('set type and help, with any blanks and any case of the type', () => {
    const [family] = readText('#HELP  jobs   Jobs \\\\ that\\nwait  \n\t#\tTYPE jobs COUNTER\njobs 3\n')
    assert.equal(family?.help, 'Jobs \\ that\nwait  ')
    assert.equal(family?.type, 'counter')
  })

  test('without a text are ignored', () => {
    assert.deepEqual(read('# HELP\n# TYPE\n# HELP v\n# HELP v \n# TYPE v\n# TYPE v gauge\n# HELP v x\nv 1\n'), [
      'gauge v: v 1',
    ])
  })

  test('that are neither help nor type are skipped', () => {
    assert.deepEqual(read('# EOF\n#\n## TYPE v gauge\n#TYPEv gauge\n# type v gauge\n\n  \nv 1\n'), ['untyped v: v 1'])
  })

  test('of families without samples create no family', () => {
    assert.deepEqual(read('# HELP v x\n# TYPE v gauge\n'), [])
  })

  test('may set the help after the samples, but not the type', () => {
    assert.equal(readText('v 1\n# HELP v x\n')[0]?.help, 'x')
    refuses('v 1\n# TYPE v gauge\n', 'line 2: second TYPE line for v, or TYPE after its samples')
  })
})

describe('a histogram', () => {
  test("is grouped by its other labels; bounds have Go's format", () => {
    const text = `# TYPE h histogram
h_bucket{le="0.10",x="a"} 1
h_bucket{le="1e3",x="b"} 2
h_count{x="a"} 4
h_bucket{le="+Inf",x="b"} 5
h_sum{x="b"} 6.5
`
    assert.deepEqual(read(text), [
      'histogram h: ' +
        'h_bucket{x="a",le="0.1"} 1; h_bucket{x="a",le="+Inf"} 4; h_sum{x="a"} 0; h_count{x="a"} 4; ' +
        'h_bucket{x="b",le="1000"} 2; h_bucket{x="b",le="+Inf"} 5; h_sum{x="b"} 6.5; h_count{x="b"} 0',
    ])
  })

  test('uses the last of two buckets with the same bound, and ignores a bucket without a bound', () => {
    const text = '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="1.0"} 2\nh_bucket{le="NaN"} 9\nh_bucket 9\n'
    assert.deepEqual(read(text), ['histogram h: h_bucket{le="1"} 2; h_bucket{le="+Inf"} 0; h_sum 0; h_count 0'])
  })

  test('may have fractional counts', () => {
    assert.deepEqual(read('# TYPE h histogram\nh_bucket{le="1"} 0.5\nh_count 1.5\n'), [
      'histogram h: h_bucket{le="1"} 0.5; h_bucket{le="+Inf"} 1.5; h_sum 0; h_count 1.5',
    ])
  })

  test('has the last timestamp for all samples', () => {
    assert.deepEqual(read('# TYPE h histogram\nh_count 3 5\nh_sum 2\n'), [
      'histogram h: h_bucket{le="+Inf"} 3 @5; h_sum 2 @5; h_count 3 @5',
    ])
  })

  test('is distinguished from a family with the name of one of its series', () => {
    assert.deepEqual(read('# TYPE h_count counter\n# TYPE h histogram\nh_count 3\nh_total 4\nh_sum 5\n'), [
      'counter h_count: h_count 3',
      'histogram h: h_bucket{le="+Inf"} 0; h_sum 5; h_count 0',
      'untyped h_total: h_total 4',
    ])
  })
})

describe('a summary', () => {
  test('is grouped by its other labels, and its count is an integer', () => {
    const text = '# TYPE s summary\ns{quantile="0.50"} 7\ns{quantile="0.9"} NaN\ns_count 2.9\ns_bucket{le="1"} 4\n'
    assert.deepEqual(read(text), [
      'summary s: s{quantile="0.5"} 7; s{quantile="0.9"} NaN; s_sum 0; s_count 2',
      'untyped s_bucket: s_bucket{le="1"} 4',
    ])
  })
})

describe('a text is rejected with the line and the reason', () => {
  for (const [text, message] of [
    ['a 1\nb 2', 'line 2: the last line has no line feed'],
    ['a 1\n#', 'line 2: the last line has no line feed'],
    ['a 1\nb 1\r\nc x\n', "line 2: the line ends in CR LF, but the format requires LF: remove the CR with tr -d '\\r'"],
    ['a 1 \n', 'line 1: expected a timestamp in whole milliseconds, found ""'],
    ['a 1 1.5\n', 'line 1: expected a timestamp in whole milliseconds, found "1.5"'],
    ['a 1 99999999999999999999\n', 'line 1: expected a timestamp in whole milliseconds, found "99999999999999999999"'],
    ['a 1 2 3\n', 'line 1: expected the end of the line at column 7, found "3"'],
    ['1a 1\n', 'line 1: expected a metric name at column 1, found "1a 1"'],
    ['é 1\n', 'line 1: expected a metric name at column 1, found "é 1"'],
    ['{a="1"} 1\n', 'line 1: expected a metric name at column 9, found "1"'],
    ['{"a.b"} 1\n', 'line 1: "a.b" is not a metric name'],
    ['{"a","b"} 1\n', 'line 1: expected = after the label name at column 9, found "} 1"'],
    ['a{"b"} 1\n', 'line 1: expected one metric name at column 8, found "1"'],
    ['a{,} 1\n', 'line 1: expected a label name at column 3, found ",} 1"'],
    ['a{1x="1"} 1\n', 'line 1: expected a label name at column 3, found "1x=\\"1\\"} 1"'],
    ['a{x:y="1"} 1\n', 'line 1: expected = after the label name at column 4, found ":y=\\"1\\"} 1"'],
    ['a{"x.y"="1"} 1\n', 'line 1: "x.y" is not a label name'],
    ['a{x=1} 1\n', 'line 1: expected a label value in quotes at column 5, found "1} 1"'],
    ['a{x="1} 1\n', 'line 1: expected a closing quote at column 5, found "\\"1} 1"'],
    ['a{x="1"\n} 1\n', 'line 1: expected , or } at column 8, found the end of the line'],
    ['a{x="1",x="2"} 1\n', 'line 1: duplicate label x'],
    ['a{__name__="x"} 1\n', 'line 1: label name __name__ is reserved'],
    ['a{x="\\t"} 1\n', 'line 1: "\\\\t" is not an escape'],
    ['# HELP a \\x\n', 'line 1: "\\\\x" is not an escape'],
    ['# HELP a x\n# HELP a x\n', 'line 2: second HELP line for a'],
    ['# TYPE a gauge\n# TYPE a gauge\n', 'line 2: second TYPE line for a, or TYPE after its samples'],
    ['# TYPE a unknown\n', 'line 1: "unknown" is not a type'],
    ['# TYPE a gauge_histogram\n', 'line 1: "gauge_histogram" is not a type'],
    ['# TYPE a gauge \n', 'line 1: "gauge " is not a type'],
    ['# TYPE é gauge\n', 'line 1: "é" is not a metric name'],
    ['# TYPE h histogram\n# TYPE h_sum gauge\n', 'line 2: second TYPE line for h, or TYPE after its samples'],
    ['# TYPE h histogram\nh_bucket{le="x"} 1\n', 'line 2: expected a number as le, found "x"'],
    ['# TYPE s summary\ns{quantile=""} 1\n', 'line 2: expected a number as quantile, found ""'],
    ['# TYPE h histogram\nh_count -1\n', 'line 2: h_count has an invalid count: -1'],
  ] as const)
    test(JSON.stringify(text), () => refuses(text, message))
})

test('invalid UTF-8 is an error only in samples', () => {
  const latin = (text: string) => Buffer.from(text, 'latin1')
  refuses(latin('a 1\nb{x="\xe9"} 1\n'), 'line 2: invalid UTF-8')
  assert.deepEqual(read(latin('# HELP a caf\xe9\na 1\n')), ['untyped a: a 1'])
  assert.deepEqual(read(Buffer.from('a{x="é"} 1\n')), ['untyped a: a{x="é"} 1'])
})

test('an empty text has no families', () => {
  assert.deepEqual(read(''), [])
  assert.deepEqual(read('\n \n\t'), [])
})
