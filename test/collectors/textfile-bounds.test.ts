import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import textfile from '../../src/collectors/textfile.ts'
import { textOf } from '../../src/metrics/exposition/write.ts'
import { collectAll, collecting } from '../support/collect.ts'
import type { Node, Tree } from '../support/tree.ts'

/** The samples of valid files in `metrics/`, the value of the error series, and the log. */
async function run(files: Tree) {
  const { lines, logged } = await collectAll(textfile, given(files))
  const samples = lines.filter((line) => !line.startsWith('node_'))
  return { samples, logged: logged.join('\n'), hasError: lines.includes('node_textfile_scrape_error 1') }
}

const given = (files: Tree) => ({
  elsewhere: Object.fromEntries(Object.entries(files).map(([name, node]) => [`metrics/${name}`, node])),
  options: { directory: ['/metrics'] },
})

const repeated = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join('')
const series = (count: number, name = 'm') => repeated(count, (i) => `${name}{i="${i}"} ${i}\n`)

describe('a text file above a limit is a fault of this file alone', () => {
  for (const [what, text, message] of [
    ['more than 10000 series', series(10_001), /a\.prom: line 10001: more than 10000 series/],
    ['a family for each line', repeated(50_001, (i) => `# TYPE m${i} gauge\n`), /more than 50000 lines/],
    ['a line of more than 64 KiB', `m{x="${'y'.repeat(70_000)}"} 1\n`, /line 1: longer than 65536 bytes/],
    ['one line of NULs', Buffer.alloc(1_000_000), /line 1: longer than 65536 bytes/],
    ['many labels in a line', `m{${repeated(129, (i) => `l${i}="",`)}} 1\n`, /line 1: more than 128 labels/],
    [
      'a different label in each series',
      repeated(129, (i) => `m{l${i}="x"} 1\n`),
      /more than 128 different labels in the /,
    ],
    ['many labels in all', repeated(8000, (i) => `m{l${i % 60}="x",i="${i}"} 1\n`), /more than 100000 labels/],
    ['more than 16 MiB', Buffer.alloc(16 * 1024 * 1024 + 1), /a\.prom: larger than 16777216 bytes/],
  ] as const)
    test(what, async () => {
      const { samples, logged, hasError } = await run({ 'a.prom': text, 'b.prom': 'b 1\n' })
      assert.deepEqual(samples, ['b 1'])
      assert.ok(hasError)
      assert.match(logged, message)
      assert.ok(logged.length < 400, logged.slice(0, 400))
    })

  test('at the limits it is read', async () => {
    const long = `x{y="${'z'.repeat(65_000)}\\\\"} 1\n`
    const { samples, hasError } = await run({ 'a.prom': series(10_000), 'b.prom': long })
    assert.equal(samples.length, 10_001)
    assert.equal(hasError, false)
  })
})

describe('text files together', () => {
  test('have at most 20000 series: a file above the rest is left out, smaller ones behind it are read', async () => {
    const files = { 'a.prom': series(8000, 'a'), 'b.prom': series(8000, 'b'), 'c.prom': series(4001, 'c') }
    const { samples, logged } = await run({ ...files, 'd.prom': 'd 1\n' })
    assert.equal(samples.length, 16_001)
    assert.match(logged, /c\.prom: line 4001: more than 4000 series, the limits of all files are 20000 series/)
  })

  test('have at most 16 MiB', async () => {
    const large = Buffer.from(`${'#'.repeat(60_000)}\n`.repeat(100))
    const { samples, logged } = await run({ 'a.prom': large, 'b.prom': large, 'c.prom': large, 'd.prom': 'd 1\n' })
    assert.deepEqual(samples, ['d 1'])
    assert.match(logged, /c\.prom: larger than \d+ bytes/)
  })

  test('are at most 1000, and a message lists at most ten faults', async () => {
    const many = Object.fromEntries(Array.from({ length: 1002 }, (_, i) => [`f${i}.prom`, `m${i} 1\n`]))
    const { samples, logged, hasError } = await run(many)
    assert.equal(samples.length, 1000)
    assert.ok(hasError)
    assert.match(logged, /more than 1000 files, the others are ignored/)
    const wrong = await run(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}.prom`, 'no\n'])))
    assert.equal(wrong.logged.match(/expected a number/g)?.length, 10)
    assert.match(wrong.logged, /and 20 more errors/)
  })

  test('that shrink make room again', async () => {
    const collect = collecting(textfile, given({ 'a.prom': series(8000, 'a'), 'b.prom': series(8000, 'b') }))
    await collect()
    const full = { 'a.prom': series(8000, 'a'), 'b.prom': series(8000, 'b'), 'c.prom': series(6000, 'c') }
    const countOf = async (files: Tree) =>
      textOf((await collect(given(files))).snapshot).match(/^[abc]\{/gm)?.length ?? 0
    assert.equal(await countOf(full), 16_000)
    assert.equal(await countOf(full), 16_000)
    assert.equal(await countOf({ ...full, 'a.prom': series(10, 'a') }), 14_010)
  })
})

/** Each repeats a part of the line in its message. */
const secretLines = [
  '$6$TOPSECRETHASH:19000 1\n',
  'a TOPSECRETHASH\n',
  'a 1 TOPSECRETHASH\n',
  'a{TOPSECRETHASH-} 1\n',
  'a{"TOP SECRETHASH"="1"} 1\n',
  'a{__TOPSECRETHASH="1"} 1\n',
  'a{TOPSECRETHASH="1",TOPSECRETHASH="1"} 1\n',
  'a{x="\\T"} TOPSECRETHASH\n',
  'TOPSECRETHASH 1 1700000000000\n',
  '# TYPE a TOPSECRETHASH\n',
  '# TYPE TOPSECRETHASH gauge\n# TYPE TOPSECRETHASH gauge\n',
  '# HELP TOPSECRETHASH x\n# HELP TOPSECRETHASH y\n',
  '# HELP TOP.SECRETHASH x\n',
  '# TYPE TOPSECRETHASH histogram\nTOPSECRETHASH_count -1\n',
  '# TYPE h histogram\nh_bucket{le="TOPSECRETHASH"} 1\n',
]

describe('messages', () => {
  const file = (text: string): Node => ({ text, mtimeMs: 0 })
  const secret = (text: string): Node => ({ text, mtimeMs: 0, isPrivate: true })

  for (const text of secretLines)
    test(`quote at most 8 characters of ${JSON.stringify(text)}, and nothing of a private file`, async () => {
      const shown = await run({ 'a.prom': file(text) })
      assert.ok(shown.hasError)
      assert.doesNotMatch(shown.logged, /TOPSECRET|SECRETHASH/)
      const hidden = await run({ 'a.prom': secret(text) })
      assert.ok(hidden.hasError)
      assert.doesNotMatch(hidden.logged, /TOP|SECRET|\$6/)
      assert.match(hidden.logged, /a\.prom: .*/)
    })
})
