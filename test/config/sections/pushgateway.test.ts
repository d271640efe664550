import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { collectors } from '../../../src/collectors/index.ts'
import { ConfigError } from '../../../src/config/error.ts'
import { readConfig } from '../../../src/config/index.ts'
import { endpointsOf, gatewaysOf, outputKinds } from '../../support/outputs.ts'
import { temporary } from '../../support/servers.ts'

async function configured(t: TestContext, shape: object) {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify(shape))
  return readConfig({ flags: new Map([['config.file', file]]), environment: { HOME: '/' }, collectors, outputKinds })
}

async function problemsOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  )
  assert.ok(error instanceof ConfigError, `a ConfigError is expected, not ${error}`)
  return error.problems.join('\n')
}

const url = 'http://127.0.0.1:9091'

test('a gateway needs only a url', async (t) => {
  const [gateway, ...others] = gatewaysOf(await configured(t, { pushgateway: [{ url }] }))
  assert.equal(others.length, 0)
  assert.equal(gateway?.url.href, `${url}/`)
  const { name, job, groupingKey, method, timeoutMs, intervalMs, deleteOnStart, deleteOnShutdown } = gateway ?? {}
  assert.deepEqual(
    { name, job, groupingKey, method, timeoutMs, intervalMs, deleteOnStart, deleteOnShutdown },
    {
      name: 'default',
      job: 'node',
      groupingKey: { instance: hostname() },
      method: 'PUT',
      timeoutMs: 10_000,
      intervalMs: 0,
      deleteOnStart: false,
      deleteOnShutdown: false,
    },
  )
})

test('every key can be set, and labels can contain facts of the host', async (t) => {
  const block = {
    url: 'https://me:secret@gw.example/prefix',
    name: 'gw',
    job: 'batch-${hostname}',
    grouping_key: { instance: '', run: '${hostname}' },
    method: 'POST',
    interval: '1m',
    timeout: '3s',
    delete_on_start: true,
    delete_on_shutdown: true,
    headers: { 'X-Scope-OrgID': 't' },
  }
  const [gateway] = gatewaysOf(await configured(t, { pushgateway: [block] }))
  assert.equal(gateway?.url.href, 'https://gw.example/prefix')
  assert.equal(gateway?.job, `batch-${hostname()}`)
  assert.deepEqual(gateway?.groupingKey, { instance: '', run: hostname() })
  assert.deepEqual(
    [gateway?.method, gateway?.intervalMs, gateway?.timeoutMs, gateway?.deleteOnStart, gateway?.deleteOnShutdown],
    ['POST', 60_000, 3000, true, true],
  )
  assert.deepEqual(gateway?.headers(), { 'X-Scope-OrgID': 't' })
  assert.ok(gateway?.credentials !== undefined)
})

const wrong: readonly (readonly [shape: object, problem: RegExp])[] = [
  [{ pushgateway: [{}] }, /pushgateway\[0\]\.url/],
  [
    { pushgateway: [{ url, groupingkey: {} }] },
    /pushgateway\[0\]\.groupingkey: unknown key, did you mean grouping_key\?/,
  ],
  [{ pushgateway: [{ url, method: 'PATCH' }] }, /pushgateway\[0\]\.method: invalid value, expected "PUT" or "POST"/],
  [{ pushgateway: [{ url, grouping_key: { 'a-b': '' } }] }, /pushgateway\[0\]\.grouping_key.*label name/],
  [
    { pushgateway: [{ url, grouping_key: { job: 'x' } }] },
    /pushgateway\[0\]\.grouping_key\.job: not allowed in grouping_key/,
  ],
  [{ pushgateway: [{ url, grouping_key: { __x: 'x' } }] }, /pushgateway\[0\]\.grouping_key\.__x: .*reserved/],
  [
    { pushgateway: [{ url: `${url}/metrics/job/x` }] },
    /pushgateway\[0\]\.url: remove \/metrics\/job\/x, hostpush adds the path/,
  ],
  [{ pushgateway: [{ url: `${url}/metrics` }] }, /pushgateway\[0\]\.url: remove \/metrics, hostpush adds the path/],
  [{ pushgateway: [{ url }], job: '' }, /pushgateway\[0\]\.job: required and must not be empty/],
  [
    { pushgateway: [{ url, name: 'a' }, { url }] },
    /pushgateway\[1\]\.name: required because there are several pushgateway blocks/,
  ],
  [
    {
      pushgateway: [
        { url, name: 'a' },
        { url, name: 'a' },
      ],
    },
    /pushgateway\[1\]\.name: pushgateway\[0\] already has the name a, choose a different name/,
  ],
]
for (const [shape, problem] of wrong) {
  test(`${JSON.stringify(shape)} is an error with its place`, async (t) => {
    assert.match(await problemsOf(configured(t, shape)), problem)
  })
}

test('a gateway can have the same name as a remote-write endpoint', async (t) => {
  const shape = { remote_write: [{ url: `${url}/api/v1/write` }], pushgateway: [{ url }] }
  const config = await configured(t, shape)
  assert.deepEqual([endpointsOf(config)[0]?.name, gatewaysOf(config)[0]?.name], ['default', 'default'])
})
