import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { collectors } from '../../src/collectors/index.ts'
import { ConfigError } from '../../src/config/error.ts'
import { readConfig } from '../../src/config/index.ts'
import { durationMs, sizeBytes } from '../../src/config/schema/units.ts'
import type { Target } from '../../src/http/request.ts'
import { systemClock } from '../../src/util/clock.ts'
import { endpointsOf, outputKinds } from '../support/outputs.ts'
import { root, temporary } from '../support/servers.ts'

async function configured(
  t: TestContext,
  shape: object,
  environment: Record<string, string> = {},
  flags: Record<string, string | boolean> = {},
) {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify(shape))
  return readConfig({
    flags: new Map(Object.entries({ 'config.file': file, ...flags })),
    environment,
    collectors,
    outputKinds,
  })
}

async function problemsOf(work: Promise<unknown>): Promise<readonly string[]> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  )
  assert.ok(error instanceof ConfigError, `a ConfigError is expected, not ${error}`)
  return error.problems.map((problem) => problem.replace(/^\S+config\.json: /, ''))
}

const url = 'http://127.0.0.1:9090/api/v1/write'

/** The headers of a request to an endpoint, beyond the protocol's. */
async function shownTo(target: Target | undefined) {
  const request = { method: 'POST', url: new URL(url), body: new Uint8Array(), clock: systemClock }
  const signal = AbortSignal.timeout(1000)
  return { ...target?.headers(), ...(await target?.credentials?.headersFor({ ...request, signal })) }
}

test("durations are Prometheus's, sizes have units", () => {
  const durations = { '15s': 15_000, '1m30s': 90_000, '100ms': 100, '1d': 86_400_000, '0': 0, '3.5s': 3500 }
  for (const [text, ms] of Object.entries(durations)) assert.equal(durationMs(text), ms)
  for (const text of ['', '15', 's', '1 s', '-1s', '1x']) assert.equal(durationMs(text), undefined)
  assert.deepEqual(['512MiB', '64KB', '1', '1.5GiB'].map(sizeBytes), [536_870_912, 64_000, 1, 1_610_612_736])
  for (const text of ['', 'MiB', '-1B', '1 TB', '1e3']) assert.equal(sizeBytes(text), undefined)
})

test('an instance is the host name and the job node unless they are set', async (t) => {
  assert.deepEqual((await configured(t, {})).identity, { job: 'node', instance: hostname() })
  const set = { job: 'j', instance: 'i-${hostname}', global: { external_labels: { site: 'x' } } }
  assert.deepEqual((await configured(t, set)).identity, { site: 'x', job: 'j', instance: `i-${hostname()}` })
})

test('an unknown fact in a label is an error that lists the known facts', async (t) => {
  const [problem] = await problemsOf(configured(t, { instance: '${hostnam}' }))
  assert.match(problem ?? '', /^instance: unknown variable \$\{hostnam\}, expected one of \$\{hostname\}/)
})

test('environment variables are expanded in texts, and one that is not set is an error with its place', async (t) => {
  const shape = {
    remote_write: [{ url, basic_auth: { username: 'u', password: '${TOKEN}' }, headers: { 'X-A': '$${TOKEN}' } }],
  }
  const config = await configured(t, shape, { TOKEN: 'pässword' })
  const [endpoint] = endpointsOf(config)
  assert.deepEqual(await shownTo(endpoint), {
    'X-A': '${TOKEN}',
    authorization: `Basic ${Buffer.from('u:pässword').toString('base64')}`,
  })
  const problems = await problemsOf(configured(t, shape))
  assert.equal(problems.length, 1)
  assert.match(problems[0] ?? '', /remote_write\[0\]\.basic_auth\.password: environment variable TOKEN is not set$/)
})

test('a secret file is read for each request, and an unreadable one is an error', async (t) => {
  const secret = join(temporary(t), 'token')
  writeFileSync(secret, 'first\n')
  const config = await configured(t, { remote_write: [{ url, authorization: { credentials_file: secret } }] })
  assert.deepEqual(await shownTo(endpointsOf(config)[0]), { authorization: 'Bearer first' })
  writeFileSync(secret, 'second')
  assert.deepEqual(await shownTo(endpointsOf(config)[0]), { authorization: 'Bearer second' })
  chmodSync(secret, 0o600)
  const missing = { remote_write: [{ url, authorization: { credentials_file: '/nowhere/token' } }] }
  const [problem] = await problemsOf(configured(t, missing))
  assert.match(
    problem ?? '',
    /^remote_write\[0\]\.authorization\.credentials_file: cannot read \/nowhere\/token: ENOENT/,
  )
})

test('two kinds of credentials together are an error', async (t) => {
  const both = { basic_auth: { username: 'a', password: 'b' }, authorization: { credentials: 'c' } }
  assert.deepEqual(await problemsOf(configured(t, { remote_write: [{ url, ...both }] })), [
    'remote_write[0]: basic_auth and authorization cannot be used together, keep one',
  ])
  const inUrl = { url: 'http://a:b@127.0.0.1/x', authorization: { credentials: 'c' } }
  assert.deepEqual(await problemsOf(configured(t, { remote_write: [inUrl] })), [
    'remote_write[0]: authorization and credentials in the URL cannot be used together, keep one',
  ])
  const twice = { basic_auth: { username: 'a', password: 'b', password_file: '/etc/hostname' } }
  const [problem] = await problemsOf(configured(t, { remote_write: [{ url, ...twice }] }))
  assert.match(problem ?? '', /basic_auth\.password: set twice/)
})

test('credentials in a URL are sent and never shown', async (t) => {
  const config = await configured(t, { remote_write: [{ url: 'http://me:s3cret@127.0.0.1:9090/w' }] })
  assert.equal(endpointsOf(config)[0]?.url.href, 'http://127.0.0.1:9090/w')
  assert.deepEqual(await shownTo(endpointsOf(config)[0]), {
    authorization: `Basic ${Buffer.from('me:s3cret').toString('base64')}`,
  })
  assert.doesNotMatch(inspect(config, { depth: 9 }) + JSON.stringify(config), /s3cret/)
})

test('several endpoints need different names', async (t) => {
  assert.deepEqual(await problemsOf(configured(t, { remote_write: [{ url }, { url, name: 'b' }] })), [
    'remote_write[0].name: required because there are several remote_write blocks',
  ])
  assert.deepEqual(
    await problemsOf(
      configured(t, {
        remote_write: [
          { url, name: 'b' },
          { url, name: 'b' },
        ],
      }),
    ),
    ['remote_write[1].name: remote_write[0] already has the name b, choose a different name'],
  )
})

test('flags take precedence over the file, and the file over defaults', async (t) => {
  const names = async (shape: object, flags: Record<string, boolean> = {}) =>
    (await configured(t, shape, {}, flags)).collectors.map(({ collector }) => collector.name)
  assert.ok((await names({})).includes('cpu'))
  assert.ok(!(await names({ collectors: { cpu: { enabled: false } } })).includes('cpu'))
  assert.ok((await names({ collectors: { cpu: { enabled: false } } }, { 'collector.cpu': true })).includes('cpu'))
  assert.deepEqual(await names({}, { 'collector.disable-defaults': true, 'collector.loadavg': true }), ['loadavg'])
  assert.deepEqual(await names({ collectors: { disable_defaults: true, meminfo: { enabled: true } } }), ['meminfo'])
})

test('a pattern of the user is RE2: one that hangs a backtracking engine returns immediately', async (t) => {
  const config = await configured(t, { collectors: { vmstat: { fields: '^(a+)+$' } } })
  const vmstat = config.collectors.find(({ collector }) => collector.name === 'vmstat')
  const pattern = vmstat?.options['fields'] as unknown as { test(text: string): boolean }
  assert.equal(pattern.test(`${'a'.repeat(40)}!`), false)
})

test('config.example.json is valid', async () => {
  const flags = new Map([['config.file', join(root, 'config.example.json')]])
  const config = await readConfig({ flags, environment: { GRAFANA_CLOUD_TOKEN: 'glc_x' }, collectors, outputKinds })
  assert.equal(config.outputs.length, 1)
})

test('the published schema equals the schema in the code', async () => {
  const { schemaText } = await import('../../scripts/schema.ts')
  assert.ok(readFileSync(join(root, 'config.schema.json'), 'utf8') === schemaText(), 'it differs: npm run schema')
})

test('the published schema accepts config.example.json and rejects what check rejects', async () => {
  const { Ajv } = await import('ajv')
  const schema = JSON.parse(readFileSync(join(root, 'config.schema.json'), 'utf8'))
  const valid = new Ajv({ strict: false }).compile(schema)
  assert.ok(valid(JSON.parse(readFileSync(join(root, 'config.example.json'), 'utf8'))))
  for (const wrong of [{ globl: {} }, { remote_write: {} }, { collectors: { cpux: {} } }, { job: 1 }])
    assert.ok(!valid(wrong))
})

test('an option with an environment variable uses it instead of its default, and a flag takes precedence', async (t) => {
  const urlOf = async (flags: Record<string, string | boolean>) => {
    const environment = { SUPERVISORD_URL: 'unix:///run/supervisor.sock' }
    const config = await configured(t, { collectors: { supervisord: { enabled: true } } }, environment, flags)
    return config.collectors.find(({ collector }) => collector.name === 'supervisord')?.options['url']
  }
  assert.equal(await urlOf({}), 'unix:///run/supervisor.sock')
  assert.equal(await urlOf({ 'collector.supervisord.url': 'http://localhost:1/' }), 'http://localhost:1/')
})

test('docs/configuration.md describes every key of the schema', () => {
  const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8')
  const schema = JSON.parse(readFileSync(join(root, 'config.schema.json'), 'utf8'))
  const keysOf = (at: { properties?: Record<string, object>; items?: object }): string[] =>
    Object.entries(at.properties ?? {})
      .flatMap(([key, value]) => (key === 'collectors' ? [key] : [key, ...keysOf(value)]))
      .concat(at.items ? keysOf(at.items) : [])
  const missing = [...new Set(keysOf(schema))].filter((key) => key !== '$schema' && !page.includes(key))
  assert.deepEqual(missing, [])
})
