import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { optionTables } from '../../../scripts/collector-docs.ts'
import { boolean, collector, duration, list, number, objects, pattern, required, text } from '../../../src/collector.ts'
import { ConfigError } from '../../../src/config/error.ts'
import { readConfig } from '../../../src/config/index.ts'
import { collectorFlags } from '../../../src/config/sections/collectors.ts'
import { gauge } from '../../../src/metrics/family.ts'
import { collect } from '../../support/collect.ts'
import { outputKinds } from '../../support/outputs.ts'
import { temporary } from '../../support/servers.ts'

const up = gauge('probe_up', 'Whether a target answers.', ['url'])

/** A collector that queries the targets of a list. */
const probe = collector({
  name: 'probe',
  about: 'Reports whether targets answer.',
  options: {
    proxy: text('', 'Address of the proxy.'),
    targets: objects('Targets to query.', {
      url: required('text', 'Address of the target.'),
      timeout: duration('10s', 'Time for one query.'),
      retries: number('2', 'Queries before a target counts as down.'),
      insecure: boolean(false, 'Accept any certificate.'),
      metrics: pattern('.*', 'Metrics to keep.'),
      paths: list([], 'Paths to query.'),
      headers: objects('Headers to send.', {
        name: required('text', 'Name of the header.'),
        value: text('', 'Its value.'),
      }),
    }),
  },
  collect({ options, emit }) {
    for (const { url, timeout, insecure, metrics, headers } of options.targets) {
      const isFast: boolean = timeout < 1000 && !insecure && metrics.test('m')
      const names: readonly string[] = headers.map(({ name }) => name)
      // @ts-expect-error: the shape has no such key
      assert.equal(options.targets[0]?.port, undefined)
      emit(up, isFast ? 1 : names.length, { url })
    }
  },
})

async function optionsIn(t: TestContext, settings: unknown) {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify({ collectors: { probe: settings } }))
  const flags = new Map([['config.file', file]])
  const { collectors } = await readConfig({ flags, environment: {}, collectors: [probe], outputKinds })
  return collectors[0]?.options as Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>
}

async function problemsIn(t: TestContext, settings: unknown): Promise<string> {
  const error = await optionsIn(t, settings).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ConfigError, `a ConfigError is expected, not ${error}`)
  return error.problems.join('\n')
}

test('objects are converted as options are, and their defaults are filled in', async (t) => {
  const headers = [{ name: 'X-A' }, { name: 'X-B', value: 'b' }]
  const given = [{ url: 'http://a', timeout: '500ms', paths: ['/x'], metrics: '^node_', headers }, { url: 'http://b' }]
  const [first, second] = (await optionsIn(t, { targets: given }))['targets'] ?? []
  const { metrics, ...rest } = first ?? {}
  assert.ok((metrics as { test(name: string): boolean }).test('node_load1'))
  assert.ok(!(metrics as { test(name: string): boolean }).test('go_info'))
  assert.deepEqual(rest, {
    url: 'http://a',
    timeout: 500,
    retries: 2,
    insecure: false,
    paths: ['/x'],
    headers: [
      { name: 'X-A', value: '' },
      { name: 'X-B', value: 'b' },
    ],
  })
  assert.deepEqual([second?.['timeout'], second?.['headers']], [10_000, []])
})

test('a list that is not set is empty, and it has no flag', async (t) => {
  assert.deepEqual((await optionsIn(t, {}))['targets'], [])
  const names = collectorFlags([probe]).map(({ name }) => name)
  assert.ok(names.includes('collector.probe.proxy'))
  assert.ok(!names.some((name) => name.includes('targets')))
})

test('unknown keys, missing keys and wrong types are errors with their place', async (t) => {
  const wrong = [
    [
      { targets: [{ url: 'a' }, { url: 'b', timeuot: '1s' }] },
      /targets\[1\]\.timeuot: unknown key, did you mean timeout\?/,
    ],
    [{ targets: [{ timeout: '1s' }] }, /collectors\.probe\.targets\[0\]\.url: required key is missing/],
    [{ targets: [{ url: 1 }] }, /collectors\.probe\.targets\[0\]\.url: invalid value, expected a text/],
    [{ targets: [{ url: 'a', timeout: 'soon' }] }, /targets\[0\]\.timeout: invalid value, expected a duration/],
    [{ targets: [{ url: 'a', retries: '2' }] }, /targets\[0\]\.retries: invalid value, expected a number/],
    [
      { targets: [{ url: 'a', metrics: '(' }] },
      /collectors\.probe\.targets\[0\]\.metrics: "\(" is not a regular expression/,
    ],
    [
      { targets: [{ url: 'a', headers: [{ value: 'x' }] }] },
      /targets\[0\]\.headers\[0\]\.name: required key is missing/,
    ],
    [{ targets: { url: 'a' } }, /collectors\.probe\.targets: invalid value, expected a list of objects/],
    [{ targets: ['a'] }, /collectors\.probe\.targets\[0\]: invalid value, expected an object/],
  ] as const
  for (const [settings, expected] of wrong) assert.match(await problemsIn(t, settings), expected)
})

test('the collector receives the objects with the types of its declaration', async () => {
  const targets = [
    { url: 'http://a', timeout: 500 },
    { url: 'http://b', headers: [{ name: 'x' }, { name: 'y' }] },
  ]
  assert.deepEqual(await collect(probe, { options: { targets } }), [
    'probe_up{url="http://a"} 1',
    'probe_up{url="http://b"} 2',
  ])
})

test('the documentation lists the keys with their types and defaults', () => {
  const text = optionTables('probe', probe.options)
  assert.match(text, /^\| `--collector\.probe\.proxy` \| `proxy` \|/m)
  assert.match(text, /^`targets` \(configuration file only\): Targets to query\. A list of objects with these keys:$/m)
  assert.match(text, /^\| `url` \| text \| required \| Address of the target\. \|$/m)
  assert.match(text, /^\| `timeout` \| duration \| `10s` \|/m)
  assert.match(text, /^\| `headers\[\]\.name` \| text \| required \|/m)
})
