import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { collectors } from '../../../src/collectors/index.ts'
import { ConfigError } from '../../../src/config/error.ts'
import { readConfig } from '../../../src/config/index.ts'
import { keepList } from '../../../src/relabel/allowlists.ts'
import { endpointsOf, outputKinds } from '../../support/outputs.ts'
import { temporary } from '../../support/servers.ts'

const url = 'http://127.0.0.1:9090/api/v1/write'

async function endpoints(t: TestContext, shape: object) {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify(shape))
  return endpointsOf(
    await readConfig({ flags: new Map([['config.file', file]]), environment: {}, collectors, outputKinds }),
  )
}

async function problemsOf(t: TestContext, shape: object): Promise<readonly string[]> {
  const error = await endpoints(t, shape).catch((reason) => reason)
  assert.ok(error instanceof ConfigError, `a ConfigError is expected, not ${error}`)
  return error.problems.map((problem) => problem.replace(/^\S+config\.json: /, ''))
}

const set = (target_label: string, replacement: string) => ({ target_label, replacement })

test('rules for all endpoints come first, then those of each', async (t) => {
  const [a, b, c] = await endpoints(t, {
    write_relabel_configs: [set('all', 'yes'), set('who', 'all')],
    remote_write: [
      { url, name: 'a', write_relabel_configs: [set('who', 'a')] },
      { url, name: 'b', write_relabel_configs: [{ action: 'drop', source_labels: ['all'], regex: 'yes' }] },
      { url, name: 'c' },
    ],
  })
  const labels = [a, b, c].map((one) => one?.relabel?.([['x', '1']]))
  assert.deepEqual(
    labels.map((one) => one && Object.fromEntries(one)),
    [{ x: '1', all: 'yes', who: 'a' }, undefined, { x: '1', all: 'yes', who: 'all' }],
  )
})

test('an endpoint without rules has none', async (t) => {
  const [one] = await endpoints(t, { write_relabel_configs: [], remote_write: [{ url, write_relabel_configs: [] }] })
  assert.equal(one?.relabel, undefined)
  assert.equal(one?.metrics, undefined)
})

test('every error of every rule is reported with its path', async (t) => {
  assert.deepEqual(
    await problemsOf(t, {
      write_relabel_configs: [{}],
      remote_write: [{ url, write_relabel_configs: [set('a', 'b'), { action: 'keep', regex: '(' }] }],
    }),
    [
      'write_relabel_configs[0].target_label: required for the action replace',
      'remote_write[0].write_relabel_configs[1].regex: "(" is not a regular expression in RE2 syntax (error parsing regexp: missing closing ): `^(?s:()$`)',
    ],
  )
  const [action, key] = await problemsOf(t, {
    remote_write: [{ url, write_relabel_configs: [{ action: 'x', regexp: '' }] }],
  })
  assert.match(
    action ?? '',
    /remote_write\[0\]\.write_relabel_configs\[0\]\.action: invalid value, expected one of replace, keep, drop,/,
  )
  assert.match(key ?? '', /write_relabel_configs\[0\]\.regexp: unknown key.*regex/)
})

test('references to groups are not expanded as environment variables', async (t) => {
  const rule = { source_labels: ['x'], regex: '(?P<n>.)(.)', target_label: 'y', replacement: '${2}$1${n}$$' }
  const [one] = await endpoints(t, {
    remote_write: [{ url, write_relabel_configs: [rule, { ...rule, target_label: 'z', replacement: '$${1}$$$${1}' }] }],
  })
  assert.deepEqual(Object.fromEntries(one?.relabel?.([['x', 'ab']]) ?? []), { x: 'ab', y: 'baa$', z: '${1}$${1}' })
})

test('UTF-8 label names need metric_name_validation_scheme', async (t) => {
  const remote_write = [{ url, write_relabel_configs: [set('service.name', 'x')] }]
  const [problem] = await problemsOf(t, { remote_write })
  assert.match(problem ?? '', /"service\.name" is not a label name.*metric_name_validation_scheme "utf8"/)
  const [one] = await endpoints(t, { global: { metric_name_validation_scheme: 'utf8' }, remote_write })
  assert.deepEqual([...(one?.relabel?.([]) ?? [])], [['service.name', 'x']])
})

test('metrics selects a keep list', async (t) => {
  const [full, integration, minimal] = await endpoints(t, {
    remote_write: ['full', 'integration', 'minimal'].map((metrics) => ({ url, name: metrics, metrics })),
  })
  assert.equal(full?.metrics, undefined)
  assert.deepEqual(integration?.metrics, keepList('integration'))
  assert.deepEqual(minimal?.metrics, keepList('minimal'))
  const [problem] = await problemsOf(t, { remote_write: [{ url, metrics: 'few' }] })
  assert.match(problem ?? '', /remote_write\[0\]\.metrics: invalid value, expected one of full, integration, minimal/)
})
