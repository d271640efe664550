import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'node:test'
import type { Collector } from '../src/collector.ts'
import { collectors } from '../src/collectors/index.ts'

/**
 * The parts of the house: files and folders of src. Each may import itself, what stands in a row above it, and the
 * libraries named beside it; never what stands in its own row.
 */
const rows: readonly Readonly<Record<string, readonly string[]>>[] = [
  {
    'clock.ts': ['node:os', 'node:timers'],
    'counted.ts': [],
    'hints/': [],
    'log.ts': [],
    'metrics/': ['re2js', 'node:buffer'],
    'nearest.ts': ['fastest-levenshtein'],
    'version.ts': ['node:fs'],
  },
  { 'timeline.ts': [] },
  {
    'host/': ['node:', 'dbus-native', 'koffi', 'undici', 'xml2js'],
    'buffer/': ['node:'],
    'http/': ['undici', 'p-retry', '@aws-sdk', '@smithy', 'jose', 'node:'],
    'relabel/': ['re2js', 'node:crypto'],
    'flags.ts': ['node:util'],
  },
  { 'collector.ts': [] },
  { 'cycle.ts': [] },
  { 'output.ts': [], 'own.ts': [] },
  {
    'collectors/': [],
    'scrape/': [],
    'remote-write/': ['protobufjs', 'snappyjs', 'node:zlib'],
    'pushgateway/': ['node:util', 'node:zlib'],
    'web/': ['bcryptjs', 'prom-client', 'node:'],
    'receive/': ['protobufjs', 'snappyjs', 'node:'],
    'job/': ['node:'],
  },
  {
    'config/': [
      ...['node:child_process', 'node:crypto', 'node:fs', 'node:os', 'node:path', 'node:util', 'node:zlib'],
      ...['valibot', 'yaml'],
    ],
    'command.ts': [],
  },
  { 'intake.ts': [], 'outputs.ts': [], 'watchdog.ts': [], 'collection.ts': [] },
  { 'run/': [], 'glance.ts': [] },
  { 'loop.ts': [], 'reload.ts': [], 'senders.ts': [] },
  { 'agent.ts': [], 'alongside.ts': [] },
  { 'doctor/': ['node:', 'undici'], 'estimate/': [] },
  { 'commands/': ['node:'] },
  { 'cli.ts': ['node:'], 'start.ts': ['node:'] },
]

const source = `${import.meta.dirname}/../src`
const files = (readdirSync(source, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
  .sort()

const partOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/') + 1) : file)
const rowOf = (part: string): number => rows.findIndex((row) => part in row)

/** What a file imports: `from '…'`, `import '…'`, `import('…')`. */
function importsOf(file: string): string[] {
  const text = readFileSync(`${source}/${file}`, 'utf8')
  return [...text.matchAll(/^(?:import|export|\}) .*?from '([^']+)'|\bimport\('([^']+)'\)|^import '([^']+)'/gm)].map(
    ([, from, dynamic, bare]) => from ?? dynamic ?? bare ?? '',
  )
}

/** Why a file may not import something, or undefined where it may. */
function wrong(file: string, imported: string): string | undefined {
  const part = partOf(file)
  if (!imported.startsWith('.')) {
    const libraries = rows[rowOf(part)]?.[part] ?? []
    const may = libraries.some((one) => imported === one || imported.startsWith(one.endsWith(':') ? one : `${one}/`))
    return may ? undefined : `${file} imports ${imported}`
  }
  const target = posix.join(posix.dirname(file), imported)
  const may = partOf(target) === part || rowOf(partOf(target)) < rowOf(part)
  return may ? undefined : `${file} imports ${target}`
}

test('every file of src belongs to a part in the table', () => {
  assert.deepEqual(
    files.filter((file) => rowOf(partOf(file)) < 0),
    [],
  )
})

test('imports go upwards in the table, and to the libraries of the part', () => {
  const arrows = files.flatMap((file) => importsOf(file).map((imported) => wrong(file, imported)))
  assert.ok(arrows.length > files.length)
  assert.deepEqual(
    arrows.filter((one) => one !== undefined),
    [],
  )
})

test('the table tells a wrong arrow from a right one', () => {
  assert.equal(wrong('collectors/cpu.ts', '../host/text.ts'), undefined)
  for (const [file, imported] of [
    ['collectors/cpu.ts', 'node:fs'],
    ['collectors/cpu.ts', '../web/index.ts'],
    ['host/dir.ts', '../collector.ts'],
    ['http/request.ts', '../host/dir.ts'],
    ['metrics/text.ts', 'node:fs'],
  ] as const)
    assert.ok(wrong(file, imported), `${file} ${imported}`)
})

const collectorFiles = files.filter((file) => file.startsWith('collectors/') && file !== 'collectors/index.ts')

test('collectors never import each other', () => {
  const each = collectorFiles.flatMap((file) =>
    importsOf(file).flatMap((imported) => {
      const target = posix.join(posix.dirname(file), imported)
      const isOther = target.startsWith('collectors/') && partOf(target.slice(11)) !== partOf(file.slice(11))
      return isOther ? [`${file} imports ${target}`] : []
    }),
  )
  assert.deepEqual(each, [])
})

test('a collector is named as its file, and the list has every one, by name', async () => {
  const names: string[] = []
  for (const file of new Set(collectorFiles.map((one) => partOf(one.slice(11))))) {
    const path = file.endsWith('/') ? `${file}index.ts` : file
    const module: { default: Collector } = await import(`../src/collectors/${path}`)
    assert.equal(module.default.name, file.replace(/\.ts$|\/$/, '').replaceAll('-', '_'))
    names.push(module.default.name)
  }
  assert.deepEqual(
    collectors.map(({ name }) => name),
    names.sort(),
  )
})
