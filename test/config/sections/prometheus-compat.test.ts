import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConfigError } from '../../../src/config/error.ts'
import { readConfig } from '../../../src/config/index.ts'
import { endpointsOf, outputKinds } from '../../support/outputs.ts'
import { temporary } from '../../support/servers.ts'

/** What a configuration with this one endpoint comes to: what is doubted, and what is wrong. */
async function read(t: TestContext, block: object) {
  const file = join(temporary(t), 'config.json')
  const remote_write = [{ url: 'https://receiver.test/api', ...block }]
  writeFileSync(file, JSON.stringify({ remote_write, buffer: { mode: 'memory' } }))
  try {
    const config = await readConfig({
      flags: new Map([['config.file', file]]),
      environment: {},
      collectors: [],
      outputKinds,
    })
    return { warnings: config.warnings, endpoint: endpointsOf(config)[0], problems: [] }
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return { warnings: [], endpoint: undefined, problems: error.problems }
  }
}
const keysOf = (told: readonly string[]) => told.map((one) => /remote_write\[0\]\.(\S+): /.exec(one)?.[1])

/** Each key that Prometheus 3.15 knows (`prometheus --config.file` refuses any other), credentials apart. */
const block = {
  name: 'prod',
  remote_timeout: '30s',
  headers: { 'X-Scope-OrgID': 'one' },
  http_headers: { 'X-A': { values: ['a', 'b'], secrets: ['c'] } },
  write_relabel_configs: [{ source_labels: ['__name__'], regex: 'go_.*', action: 'drop' }],
  send_exemplars: false,
  send_native_histograms: false,
  round_robin_dns: true,
  protobuf_message: 'io.prometheus.write.v2.Request',
  failed_request_logging: false,
  tls_config: { server_name: 'x', insecure_skip_verify: false, min_version: 'TLS12', max_version: 'TLS13' },
  proxy_url: 'http://proxy.test:3128',
  no_proxy: 'lab',
  proxy_from_environment: false,
  proxy_connect_header: { 'X-B': ['b'] },
  follow_redirects: true,
  enable_http2: false,
  queue_config: {
    max_samples_per_send: 2000,
    min_shards: 1,
    min_backoff: '30ms',
    max_backoff: '5s',
    retry_on_http_429: true,
    sample_age_limit: '0s',
  },
  metadata_config: { send: true, send_interval: '1m' },
}

test('a remote_write block of Prometheus is accepted unchanged', async (t) => {
  const { warnings, problems, endpoint } = await read(t, block)
  assert.deepEqual([warnings, problems], [[], []])
  assert.deepEqual(endpoint?.headers(), { 'X-Scope-OrgID': 'one', 'X-A': 'a, b, c' })
  assert.equal(endpoint?.access?.addresses, 'at random')
  assert.deepEqual([endpoint?.backoff, endpoint?.ageLimitMs], [{ minMs: 30, maxMs: 5000 }, 0])
})

test('a key without effect is accepted, and a warning names what replaces it', async (t) => {
  const words = {
    send_exemplars: true,
    send_native_histograms: true,
    failed_request_logging: true,
    enable_http2: true,
    queue_config: {
      capacity: 2500,
      min_shards: 2,
      max_shards: 200,
      batch_send_deadline: '5s',
      retry_on_http_429: false,
    },
    metadata_config: { max_samples_per_send: 2000 },
  }
  const { warnings, problems } = await read(t, words)
  assert.deepEqual(problems, [])
  const leaves = Object.entries(words).flatMap(([key, value]) =>
    typeof value === 'object' ? Object.keys(value).map((one) => `${key}.${one}`) : [key],
  )
  assert.deepEqual(keysOf(warnings), leaves)
  for (const doubt of warnings) assert.match(doubt, /: has no effect: ./)
})

test('an unsupported key is an error that names the supported one', async (t) => {
  const client_id = '00000000-0000-0000-0000-000000000001'
  const { problems } = await read(t, {
    azuread: { sdk: {} },
    proxy_url: 'socks5://x:1080',
    basic_auth: { username_ref: 'u', password_ref: 'p' },
    authorization: { credentials_ref: 'x' },
    oauth2: { client_id, token_url: 'https://login.test/', client_secret_ref: 'x', client_certificate_key_ref: 'y' },
    tls_config: { ca_ref: 'x', cert_ref: 'y', key_ref: 'z' },
  })
  assert.deepEqual(keysOf(problems).toSorted(), [
    'authorization.credentials_ref',
    'azuread.sdk',
    'basic_auth.password_ref',
    'basic_auth.username_ref',
    'oauth2.client_certificate_key_ref',
    'oauth2.client_secret_ref',
    'proxy_url',
    'tls_config.ca_ref',
    'tls_config.cert_ref',
    'tls_config.key_ref',
  ])
  assert.match(problems.join('\n'), /SOCKS proxies are not supported/)
  assert.match(
    problems.join('\n'),
    /password_ref: not supported, hostpush has no secret manager: use password or password_file/,
  )
})

test('a number is accepted where a text is expected', async (t) => {
  const { endpoint } = await read(t, {
    basic_auth: { username: 123456, password: 'x' },
    headers: { 'X-Scope-OrgID': 7 },
    http_headers: { 'X-A': { values: [8] } },
  })
  assert.deepEqual(endpoint?.headers(), { 'X-Scope-OrgID': '7', 'X-A': '8' })
  const { authorization = '' } = (await endpoint?.credentials?.headersFor({} as never)) ?? {}
  assert.equal(Buffer.from(authorization.slice(6), 'base64').toString(), '123456:x')
  const { problems } = await read(t, { basic_auth: { username: 1.5 }, headers: { 'X-A': true, 'X-B': 1e30 } })
  assert.deepEqual(keysOf(problems), ['headers.X-A', 'headers.X-B', 'basic_auth.username'])
  for (const problem of problems) assert.match(problem, /invalid value, expected a text$/)
})

test('bearer_token and bearer_token_file are equivalent to authorization', async (t) => {
  const shown = async (keys: object) => (await read(t, keys)).endpoint?.credentials?.headersFor({} as never)
  assert.deepEqual(await shown({ bearer_token: 't0ken' }), { authorization: 'Bearer t0ken' })
  const file = join(temporary(t), 'token')
  writeFileSync(file, '\uFEFFfirst\r\n')
  assert.deepEqual(await shown({ bearer_token_file: file }), { authorization: 'Bearer first' })
  const both = await read(t, { bearer_token: 'x', authorization: { credentials: 'y' } })
  assert.match(both.problems[0] ?? '', /authorization and bearer_token cannot be used together/)
})

test('files of http_headers are checked for each request; invalid content is an error at the start, and later not used', async (t) => {
  const file = join(temporary(t), 'header')
  writeFileSync(file, ' first\n')
  const { endpoint } = await read(t, { http_headers: { 'X-A': { values: ['v'], files: [file] } } })
  assert.deepEqual(endpoint?.headers(), { 'X-A': 'v, first' })
  writeFileSync(file, 'second')
  assert.deepEqual(endpoint?.headers(), { 'X-A': 'v, second' })
  writeFileSync(file, 'one\ntwo')
  assert.deepEqual(endpoint?.headers(), { 'X-A': 'v, second' }) // the last valid content
  const { problems } = await read(t, {
    headers: { 'x-a': '1' },
    http_headers: { 'X-A': { values: ['2'] }, 'X-B': { files: ['/nowhere/b'] }, 'X-C': { files: [file] } },
  })
  assert.match(problems[0] ?? '', /http_headers\.X-A: set twice/)
  assert.match(problems[1] ?? '', /X-B\.files: cannot read \/nowhere\/b: /)
  assert.match(problems[2] ?? '', /X-C\.files: \S+header: invalid value, expected one line of Latin-1/)
})

test('an invalid token is an error at the start, and the last valid one stays in use later', async (t) => {
  const wrong = async (keys: object) => (await read(t, keys)).problems.join('\n')
  const of = (credentials: string) => wrong({ authorization: { credentials } })
  assert.match(await of(''), /credentials: is empty/)
  assert.match(await of('bearer abc'), /credentials: begins with Bearer, remove it: hostpush sends it before the token/)
  assert.match(await of('a\nb'), /credentials: invalid value, expected one line/)
  assert.match(await wrong({ basic_auth: { username: 'a:b' } }), /username: contains a colon/)
  const file = join(temporary(t), 'token')
  writeFileSync(file, 'good')
  const { endpoint } = await read(t, { authorization: { credentials_file: file } })
  for (const [text, words] of [
    ['', 'the file is empty'],
    ['s3cret\nline', 'invalid value, expected one line'],
  ] as const) {
    writeFileSync(file, text)
    assert.deepEqual(await endpoint?.credentials?.headersFor({} as never), { authorization: 'Bearer good' })
    const said = await wrong({ authorization: { credentials_file: file } })
    assert.match(said, new RegExp(words))
    assert.doesNotMatch(said, /s3cret/)
  }
})

test('a value that was probably copied incorrectly is sent unchanged, with a warning', async (t) => {
  const odd = {
    '"s3cret"': /is enclosed in quotes/,
    's3cret\n': /begins or ends with white space/,
    '${s3cret_token}': /an environment variable is \$\{NAME\}, in capitals/,
    $S3CRET: /an environment variable is/,
    '': /basic_auth\.password: is empty/,
    's3cret_...': /ends with dots/,
  }
  for (const [password, words] of Object.entries(odd)) {
    const { warnings, endpoint } = await read(t, { basic_auth: { username: 'me', password } })
    assert.match(warnings.join('\n'), words)
    assert.doesNotMatch(warnings.join('\n'), /s3cret/i)
    assert.deepEqual(await endpoint?.credentials?.headersFor({} as never), {
      authorization: `Basic ${Buffer.from(`me:${password}`).toString('base64')}`,
    })
  }
  const file = join(temporary(t), 'password')
  writeFileSync(file, "'s3cret'\n")
  const { warnings } = await read(t, { basic_auth: { username: 'me', password_file: file } })
  assert.match(warnings[0] ?? '', /password_file: .*: is enclosed in quotes/)
})

test('a header that is empty or was probably copied incorrectly is sent, with a warning', async (t) => {
  const warningsOf = async (block: object) =>
    (await read(t, block)).warnings.map((text) => text.replace(/^.*?\.(?=h)/, ''))
  assert.deepEqual(await warningsOf({ headers: { 'X-Scope-OrgID': '' } }), ['headers.X-Scope-OrgID: is empty'])
  assert.deepEqual(await warningsOf({ http_headers: { 'X-Scope-OrgID': { values: [''] } } }), [
    'http_headers.X-Scope-OrgID: is empty',
  ])
  assert.deepEqual(await warningsOf({ headers: { 'THANOS-TENANT': '"a"' } }), [
    'headers.THANOS-TENANT: is enclosed in quotes, which are sent too',
  ])
  assert.deepEqual(await warningsOf({ headers: { 'X-Scope-OrgID': 'team-a' } }), [])
})

test('values of Grafana Cloud that are easy to confuse produce a warning', async (t) => {
  const push = 'https://prometheus-prod-13-prod-us-east-0.grafana.net/api/prom/push'
  const basic_auth = { username: '123456', password: 'glc_x' }
  const doubted = async (keys: object) =>
    keysOf((await read(t, { url: push, preset: 'grafana-cloud', ...keys })).warnings)
  assert.deepEqual(await doubted({ basic_auth }), [])
  assert.deepEqual(await doubted({ authorization: { credentials: '123456:glc_x' } }), [])
  assert.deepEqual(await doubted({ url: push.replace('//', '//123456:glc_x@') }), [])
  assert.deepEqual(await doubted({ headers: { 'X-Own': 'x' } }), [])
  assert.deepEqual(await doubted({}), ['basic_auth'])
  assert.deepEqual(await doubted({ basic_auth, url: 'https://me.grafana.net' }), ['url'])
  assert.deepEqual(await doubted({ basic_auth, url: push.replace('/push', '') }), ['url'])
  assert.deepEqual(await doubted({ basic_auth: { password: 'glc_x' } }), ['basic_auth.username'])
  assert.deepEqual(await doubted({ basic_auth: { username: 'me', password: 'glsa_x' } }), [
    'basic_auth.username',
    'basic_auth.password',
  ])
  assert.deepEqual(await doubted({ authorization: { credentials: 'glc_x' } }), ['authorization.credentials'])
  assert.deepEqual(await doubted({ url: 'https://receiver.test/api/prom' }), [])
})
