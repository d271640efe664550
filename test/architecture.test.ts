import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'node:test'
import type { Collector } from '../src/collector.ts'
import { collectors } from '../src/collectors/index.ts'

interface Part {
  /** The files that other parts may import; `index.ts` where nothing is said. `all` is for util/, a closed list. */
  readonly faces?: readonly string[] | 'all'
  /** Libraries, by the beginning of their names. */
  readonly libraries?: readonly string[]
}

/**
 * The parts of src: folders and loose files, in rows. A part may import parts of the rows above it, and the libraries
 * beside it; never a part of its own row.
 */
const rows: readonly Readonly<Record<string, Part>>[] = [
  {
    'util/': { faces: 'all', libraries: ['node:os', 'node:timers', 'node:fs', 'node:util', 'fastest-levenshtein'] },
    'hints/': {},
  },
  { 'metrics/': { libraries: ['re2js', 'node:buffer'] } },
  {
    'host/': { libraries: ['node:', 'dbus-native', 'koffi', 'undici', 'xml2js'] },
    'buffer/': { libraries: ['node:'] },
    'http/': { libraries: ['undici', 'p-retry', '@aws-sdk', '@smithy', 'jose', 'node:'] },
    'relabel/': { faces: ['index.ts', 'rules.ts'], libraries: ['re2js', 'node:crypto'] },
  },
  { 'collector.ts': {} },
  { 'collect/': { faces: ['index.ts', 'hardware/helper.ts'] } },
  { 'output.ts': { libraries: ['valibot'] } },
  {
    'collectors/': {},
    'web/': { libraries: ['bcryptjs', 'prom-client', 'node:'] },
    'demo-receiver/': { libraries: ['protobufjs', 'snappyjs', 'node:'] },
    'process/': { libraries: ['node:'] },
  },
  { 'config/': { faces: ['index.ts', 'error.ts', 'output-block.ts'], libraries: ['node:', 'valibot', 'yaml'] } },
  {
    'remote-write/': {
      faces: ['index.ts', 'measure.ts'],
      libraries: ['protobufjs', 'snappyjs', 'node:zlib', 'valibot'],
    },
    'pushgateway/': { libraries: ['node:util', 'node:zlib', 'valibot'] },
  },
  { 'output-kinds.ts': {} },
  { 'batch/': { libraries: ['node:'] } },
  { 'agent/': { faces: [] } },
  { 'agent.ts': {} },
  { 'doctor/': { libraries: ['node:', 'undici'] }, 'estimate/': {} },
  { 'commands/': { faces: ['index.ts', 'command.ts'], libraries: ['node:'] } },
  { 'cli.ts': { libraries: ['node:'] }, 'bundle-loader.ts': { libraries: ['node:'] } },
]

/** util/ is no place for what has no other: it grows only with a line here. */
const utilities = [
  'clock',
  'deadline',
  'did-you-mean',
  'flags',
  'log-rate',
  'log',
  'plural',
  'quantity',
  'regular-file',
  'version',
]

/** Who may know the whole configuration: every other part declares the options that it needs. */
const mayKnowConfig = ['agent.ts', 'agent/', 'commands/', 'doctor/', 'estimate/', 'config/']

const source = `${import.meta.dirname}/../src`
const files = (readdirSync(source, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
  .sort()

const partOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/') + 1) : file)
const rowOf = (part: string): number => rows.findIndex((row) => part in row)
const definitionOf = (part: string): Part => rows[rowOf(part)]?.[part] ?? {}

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
    const { libraries = [] } = definitionOf(part)
    const may = libraries.some((one) => imported === one || imported.startsWith(one.endsWith(':') ? one : `${one}/`))
    return may ? undefined : `${file} imports ${imported}`
  }
  const target = posix.join(posix.dirname(file), imported)
  const other = partOf(target)
  if (other === part) return undefined
  if (rowOf(other) >= rowOf(part)) return `${file} imports ${target}, which is not above it`
  return isFace(target, part) ? undefined : `${file} imports ${target}, past the public interface of ${other}`
}

function isFace(target: string, from: string): boolean {
  const part = partOf(target)
  const { faces = ['index.ts'] } = definitionOf(part)
  if (!part.endsWith('/') || faces === 'all') return true
  const isOwnRoot = from === 'agent.ts' && part === 'agent/'
  return isOwnRoot || faces.includes(target.slice(part.length))
}

test('every file of src belongs to a part in the table', () => {
  assert.deepEqual(
    files.filter((file) => rowOf(partOf(file)) < 0),
    [],
  )
})

test('a part imports the parts above it, through their public interface, and its own libraries', () => {
  const arrows = files.flatMap((file) => importsOf(file).map((imported) => wrong(file, imported)))
  assert.ok(arrows.length > files.length)
  assert.deepEqual(
    arrows.filter((one) => one !== undefined),
    [],
  )
})

test('the table distinguishes wrong imports from right ones', () => {
  assert.equal(wrong('collectors/cpu.ts', '../host/index.ts'), undefined)
  for (const [file, imported] of [
    ['collectors/cpu.ts', 'node:fs'],
    ['collectors/cpu.ts', '../web/index.ts'],
    ['collectors/cpu.ts', '../host/fs/text.ts'],
    ['commands/run.ts', '../agent/loop.ts'],
    ['host/fs/dir.ts', '../../collector.ts'],
    ['http/request.ts', '../host/index.ts'],
    ['metrics/exposition/write.ts', 'node:fs'],
  ] as const)
    assert.ok(wrong(file, imported), `${file} ${imported}`)
})

test('only the agent, the commands, doctor and estimate know the whole configuration', () => {
  const knows = (file: string) =>
    /import (type )?\{[^}]*\bConfig\b[^}]*\} from '[^']*config\/index\.ts'/.test(
      readFileSync(`${source}/${file}`, 'utf8'),
    )
  assert.deepEqual(
    files.filter((file) => knows(file) && !mayKnowConfig.includes(partOf(file))),
    [],
  )
})

test('util/ is a closed list', () => {
  assert.deepEqual(
    files.filter((file) => partOf(file) === 'util/').map((file) => file.slice(5, -3)),
    utilities,
  )
})

test('folders have at most 20 files, except collectors; src itself has at most 6', () => {
  const sizes = Map.groupBy(files, (file) => posix.dirname(file))
  const large = [...sizes].filter(
    ([folder, { length }]) => folder !== 'collectors' && length > (folder === '.' ? 6 : 20),
  )
  assert.deepEqual(large, [])
})

test('only the registry names several kinds of output', () => {
  const kinds = [/remote-write\/|remote_write|remoteWrite/, /pushgateway/i]
  // hints are facts about receivers: their tables may name any of them
  const both = files.filter((file) => {
    if (partOf(file) === 'hints/') return false
    const code = readFileSync(`${source}/${file}`, 'utf8').replace(
      /\/\*[\s\S]*?\*\/|\/\/.*$|'[^'\n]*\.[^'\n]*'(?=,?$)/gm,
      '',
    )
    return kinds.every((kind) => kind.test(code))
  })
  assert.deepEqual(both, ['output-kinds.ts'])
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

test('a collector has the name of its file, and the list contains every one, sorted by name', async () => {
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
