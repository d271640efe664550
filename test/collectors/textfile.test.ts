import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import textfile from '../../src/collectors/textfile.ts'
import { textOf } from '../../src/metrics/exposition/write.ts'
import { collectAll, collecting } from '../support/collect.ts'
import type { Tree } from '../support/tree.ts'

const options = { directory: ['/metrics'] }
const given = (files: Tree, directory: readonly string[] = options.directory) => ({
  elsewhere: Object.fromEntries(Object.entries(files).map(([name, node]) => [`metrics/${name}`, node])),
  options: { directory },
})

/** The lines without the modification time, which only one test checks. */
async function run(files: Tree, directory?: readonly string[]) {
  const { lines, success, logged, snapshot } = await collectAll(textfile, given(files, directory))
  assert.equal(success, true, 'the collector succeeds whatever is in the files')
  const help = /^# HELP m (.*)$/m.exec(textOf(snapshot))?.[1]
  return { lines: lines.filter((line) => !line.startsWith('node_textfile_mtime')), logged: logged.join('\n'), help }
}

const fine = 'node_textfile_scrape_error 0'
const faulty = 'node_textfile_scrape_error 1'

describe('directories', () => {
  test('have no default, and that is no error', async () => {
    for (const directory of [[], ['']]) assert.deepEqual((await run({}, directory)).lines, [fine])
  })

  test('may be several, may be globs, and are read once', async () => {
    const files = { 'a/x.prom': 'a 1\n', 'b/x.prom': 'b 2\n', 'c/x.prom': 'c 3\n' }
    const found = await run(files, ['/metrics/a', '/metrics/[ab]', '/metrics/b/'])
    assert.deepEqual(found.lines, ['a 1', 'b 2', fine])
    assert.equal(found.logged, '')
  })

  test('that are missing are logged and do not hide the others', async () => {
    const { lines, logged } = await run({ 'a/x.prom': 'a 1\n' }, ['/nowhere', '/none*', '/metrics/a'])
    assert.deepEqual(lines, ['a 1', faulty])
    assert.match(logged, /ENOENT.*nowhere.*ENOENT.*none\*/)
  })

  test('contribute only files named *.prom, without those in subdirectories', async () => {
    const files = { 'a.prom': 'a 1\n', 'b.prom.tmp': 'b', 'c.txt': 'c', 'd/e.prom': 'e', '.f.prom': 'f 1\n' }
    assert.deepEqual((await run(files)).lines, ['a 1', 'f 1', fine])
  })
})

describe('a file', () => {
  test('has its modification time in whole seconds', async () => {
    const elsewhere = { 'metrics/a.prom': { text: 'a 1\n', mtimeMs: 1_700_000_000_900 }, 'metrics/b.prom': 'b' }
    const { lines } = await collectAll(textfile, { elsewhere, options })
    assert.deepEqual(lines, ['a 1', 'node_textfile_mtime_seconds{file="/metrics/a.prom"} 1.7e+09', faulty])
  })

  test('is labelled with the configured path of its directory, normalised', async () => {
    const elsewhere = { 'metrics/a.prom': 'a 1\n' }
    for (const directory of ['./metrics//', 'metrics/b/../']) {
      const { lines } = await collectAll(textfile, { elsewhere, options: { directory: [directory] } })
      assert.ok(lines.includes('node_textfile_mtime_seconds{file="metrics/a.prom"} 0'), directory)
    }
  })

  test('with an error is skipped completely, and the error is logged with its line', async () => {
    const { lines, logged } = await run({ 'a.prom': 'a 1\nb two\nc 3\n', 'b.prom': 'd 4\n' })
    assert.deepEqual(lines, ['d 4', faulty])
    assert.match(logged, /\/metrics\/a\.prom: line 2: expected a number as value, found \\"two\\"/)
  })

  test('with a timestamp is skipped completely', async () => {
    const { lines, logged } = await run({ 'a.prom': 'a 1\nb 2 1700000000000\n' })
    assert.deepEqual(lines, [faulty])
    assert.match(logged, /\/metrics\/a\.prom: b has a timestamp/)
  })

  test('that cannot be read is logged', async () => {
    const { lines, logged } = await run({ 'a.prom': { error: 'EACCES' }, 'b.prom/x': '', 'c.prom': 'c 3\n' })
    assert.deepEqual(lines, ['c 3', faulty])
    assert.match(logged, /\/metrics\/a\.prom: EACCES.*\/metrics\/b\.prom: EISDIR/)
  })

  test('that is empty has no metrics and no error', async () => {
    assert.deepEqual((await run({ 'a.prom': '' })).lines, [fine])
  })
})

describe('label sets', () => {
  test('of one family in one file all have the same labels', async () => {
    const { lines } = await run({ 'a.prom': 'm{x="1"} 1\nm{y="2"} 2\nm 3\n', 'b.prom': 'm{z="1"} 4\n' })
    assert.deepEqual(
      lines.toSorted(),
      ['m{x="",y="",} 3', 'm{x="",y="2"} 2', 'm{x="1",y=""} 1', 'm{z="1"} 4', fine]
        .map((line) => line.replace(',}', '}'))
        .toSorted(),
    )
  })

  test('of a histogram and a summary too, with their bounds', async () => {
    const text =
      '# TYPE h histogram\nh_bucket{le="1",x="1"} 1\nh_count{y="2"} 2\n# TYPE s summary\ns{quantile="0.5"} 3\ns_sum{x="1"} 4\n'
    assert.deepEqual(
      (await run({ 'a.prom': text })).lines.toSorted(),
      [
        'h_bucket{le="+Inf",x="",y="2"} 2',
        'h_bucket{le="+Inf",x="1",y=""} 0',
        'h_bucket{le="1",x="1",y=""} 1',
        'h_count{x="",y="2"} 2',
        'h_count{x="1",y=""} 0',
        'h_sum{x="",y="2"} 0',
        'h_sum{x="1",y=""} 0',
        fine,
        's_count{x="1"} 0',
        's_count{x=""} 0',
        's_sum{x="1"} 4',
        's_sum{x=""} 0',
        's{quantile="0.5",x=""} 3',
      ].toSorted(),
    )
  })
})

describe('help', () => {
  test('is that of the file', async () => {
    assert.equal((await run({ 'a.prom': '# HELP m Jobs.\nm 1\n' })).help, 'Jobs.')
  })

  test('names the files if none of them has a help text', async () => {
    const { help } = await run({ 'a.prom': 'm{f="a"} 1\n', 'b.prom': 'x 1\n', 'c.prom': '# HELP m \nm{f="c"} 1\n' })
    assert.equal(help, 'Metric read from /metrics/a.prom, /metrics/c.prom')
  })

  test('of one file is used for the others', async () => {
    const { help, lines } = await run({ 'a.prom': 'm{f="a"} 1\n', 'b.prom': '# HELP m Jobs.\nm{f="b"} 2\n' })
    assert.equal(help, 'Jobs.')
    assert.deepEqual(lines, ['m{f="a"} 1', 'm{f="b"} 2', fine])
  })

  test('that differs from that of an earlier file drops this family of the later file', async () => {
    const later = '# HELP m Tasks.\n# TYPE m histogram\nm_count 2\n'
    const { help, lines, logged } = await run({ 'a.prom': '# HELP m Jobs.\nm{f="a"} 1\n', 'b.prom': `${later}x 1\n` })
    assert.equal(help, 'Jobs.')
    assert.deepEqual(lines, ['m{f="a"} 1', faulty, 'x 1'])
    assert.equal(logged.match(/the help of m/g)?.length, 1)
    assert.match(logged, /\/metrics\/b\.prom: the help of m/)
  })
})

describe('a family in two files', () => {
  test('of two types keeps that of the first', async () => {
    const files = { 'a.prom': '# TYPE m gauge\nm{f="a"} 1\n', 'b.prom': '# TYPE m counter\nm{f="b"} 1\n' }
    const { lines, logged } = await run(files)
    assert.deepEqual(lines, ['m{f="a"} 1', fine])
    assert.match(logged, /conflicting samples dropped.*m\{f=.*another type/)
  })

  test('with a duplicate series keeps the first', async () => {
    assert.deepEqual((await run({ 'a.prom': 'm 1\n', 'b.prom': 'm 2\n' })).lines, ['m 1', fine])
  })
})

describe('from interval to interval', () => {
  test('changes in a file are noticed, and unchanged series are kept', async () => {
    const collect = collecting(textfile, given({ 'a.prom': 'm 1\n' }))
    const first = await collect()
    const second = await collect()
    assert.equal(second.snapshot.series, first.snapshot.series)
    const third = await collect(given({ 'a.prom': 'm 2\n', 'b.prom': 'x 1\n' }))
    assert.deepEqual(
      third.lines.filter((line) => !line.startsWith('node_')),
      ['m 2', 'x 1'],
    )
    const fourth = await collect(given({ 'b.prom': 'x 1\n' }))
    assert.deepEqual(
      fourth.lines.filter((line) => !line.startsWith('node_')),
      ['x 1'],
    )
  })

  test('a corrected file recovers: its type, its help, its errors', async () => {
    const collect = collecting(textfile, given({ 'a.prom': 'm 1\n' }))
    await collect()
    const typed = await collect(given({ 'a.prom': '# HELP m Jobs.\n# TYPE m counter\nm 2\n' }))
    assert.ok(textOf(typed.snapshot).includes('# HELP m Jobs.\n# TYPE m counter\nm 2\n'))
    assert.ok((await collect(given({ 'a.prom': 'm two\n' }))).lines.includes(faulty))
    assert.ok((await collect(given({ 'a.prom': 'm 3\n' }))).lines.includes(fine))
  })
})

test('a file with CR LF gets the remedy that push gives, and does not hide other files', async () => {
  const { lines, logged } = await run({ 'a.prom': 'a 1\r\nb 1\r\n', 'b.prom': 'c 1\n' })
  assert.deepEqual(lines, ['c 1', faulty])
  assert.match(logged, /a\.prom: line 1: the line ends in CR LF, but the format requires LF: remove the CR with tr -d/)
})
