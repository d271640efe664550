import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { collectors } from '../../../src/collectors/index.ts'
import { ConfigError } from '../../../src/config/error.ts'
import { readConfig } from '../../../src/config/index.ts'
import { type Preset, presets } from '../../../src/remote-write/config/presets.ts'
import { endpointsOf, outputKinds } from '../../support/outputs.ts'
import { root, temporary } from '../../support/servers.ts'
import { commandLine } from '../../support/terminal.ts'

function written(t: TestContext, shape: object): string {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify(shape))
  return file
}

const configured = (t: TestContext, shape: object) =>
  readConfig({ flags: new Map([['config.file', written(t, shape)]]), environment: {}, collectors, outputKinds })

const endpointOf = async (t: TestContext, block: object) =>
  endpointsOf(await configured(t, { remote_write: [{ url: 'https://receiver.test', ...block }] }))[0]

/** Where each kind of receiver takes pushes: of their own documentation. */
const paths = {
  prometheus: '/api/v1/write',
  mimir: '/api/v1/push',
  'grafana-cloud': '/api/prom/push',
  victoriametrics: '/api/v1/write',
  thanos: '/api/v1/receive',
}

for (const [preset, path] of Object.entries(paths)) {
  test(`${preset}: a URL without a path gets the path of the receiver, one with a path is unchanged`, async (t) => {
    assert.equal((await endpointOf(t, { preset }))?.url.href, `https://receiver.test${path}`)
    const url = 'https://receiver.test/insert/0/prometheus/api/v1/write?a=b'
    assert.equal((await endpointOf(t, { preset, url }))?.url.href, url)
    const open = { preset, url: 'https://me:pw@receiver.test/?key=k' }
    assert.equal((await endpointOf(t, open))?.url.href, `https://receiver.test${path}?key=k`)
  })
}

test('amp: the path follows the workspace, which the URL must contain', async (t) => {
  const host = 'https://aps-workspaces.eu-central-1.amazonaws.com'
  for (const url of [
    `${host}/workspaces/ws-1`,
    `${host}/workspaces/ws-1/`,
    `${host}/workspaces/ws-1/api/v1/remote_write`,
  ]) {
    const endpoint = await endpointOf(t, { preset: 'amp', url, sigv4: { access_key: 'a', secret_key: 'b' } })
    assert.equal(endpoint?.url.href, `${host}/workspaces/ws-1/api/v1/remote_write`)
  }
  await assert.rejects(endpointOf(t, { preset: 'amp', url: host }), (error) => {
    assert.ok(error instanceof ConfigError)
    assert.match(
      error.problems[0] ?? '',
      /: remote_write\[0\]\.url: .* has no workspace, expected https:\/\/aps-workspaces/,
    )
    return true
  })
})

test('a preset sets the age limit, the size of requests and the limits of labels; a key in the block overrides each', async (t) => {
  const plain = await endpointOf(t, {})
  assert.deepEqual([plain?.ageLimitMs, plain?.maxSamplesPerSend, plain?.limits], [0, 10_000, undefined])
  const mimir = await endpointOf(t, { preset: 'mimir' })
  assert.equal(mimir?.ageLimitMs, 3_600_000)
  assert.deepEqual(mimir?.limits, { labels: 30, nameBytes: 1024, valueBytes: 2048 })
  const overridden = await endpointOf(t, {
    preset: 'mimir',
    queue_config: { sample_age_limit: '0', max_samples_per_send: 7 },
    label_limit: 50,
    label_value_length_limit: 0,
  })
  assert.deepEqual([overridden?.ageLimitMs, overridden?.maxSamplesPerSend], [0, 7])
  assert.deepEqual(overridden?.limits, { labels: 50, nameBytes: 1024 })
})

test('a preset sets protocol and compression: those of VictoriaMetrics differ; both can be overridden', async (t) => {
  const spoken = async (block: object) => {
    const endpoint = await endpointOf(t, block)
    return [endpoint?.protobufMessage, endpoint?.compression]
  }
  assert.deepEqual(await spoken({}), ['auto', 'snappy'])
  assert.deepEqual(await spoken({ preset: 'mimir' }), ['auto', 'snappy'])
  assert.deepEqual(await spoken({ preset: 'victoriametrics' }), ['prometheus.WriteRequest', 'zstd'])
  const overridden = { preset: 'victoriametrics', protobuf_message: 'auto', compression: 'snappy' }
  assert.deepEqual(await spoken(overridden), ['auto', 'snappy'])
})

test('grafana-cloud as the only output sets an interval of 60 s and the job of its dashboards, and check shows both', async (t) => {
  const block = { url: 'https://receiver.test', preset: 'grafana-cloud' }
  const alone = await configured(t, { remote_write: [block] })
  assert.equal(alone.intervalMs, 60_000)
  assert.equal(alone.identity['job'], 'integrations/node_exporter')
  assert.match(alone.decisions.join('\n'), /interval is 60s, because .*global\.scrape_interval/)
  assert.match(alone.decisions.join('\n'), /job is integrations\/node_exporter/)
  const { out } = await commandLine(['check', `--config.file=${written(t, { remote_write: [block] })}`])
  assert.match(out, /collectors every 1 min/)
  assert.match(out, /preset grafana-cloud: interval is 60s/)
})

test('with another output, or with a configured interval and job, grafana-cloud changes neither', async (t) => {
  const block = { url: 'https://receiver.test', preset: 'grafana-cloud', name: 'cloud' }
  const others = [
    { remote_write: [block, { url: 'https://other.test', name: 'other' }] },
    { remote_write: [block], pushgateway: [{ url: 'https://gateway.test' }] },
    { remote_write: [block], global: { scrape_interval: '15s' }, job: 'node' },
  ]
  for (const shape of others) {
    const { intervalMs, identity, decisions } = await configured(t, shape)
    assert.deepEqual([intervalMs, identity['job'], decisions], [15_000, 'node', []])
  }
})

test('docs/configuration.md contains the current table of presets', () => {
  const rows = Object.entries<Preset>(presets).map(([name, one]) => {
    const labels = [one.labelLimit, one.labelNameLengthLimit, one.labelValueLengthLimit].map((limit) => limit ?? 'any')
    const protocol = [`\`${one.protobufMessage}\``, `\`${one.compression}\``]
    const sizes = [one.ageLimit ?? 'none', one.maxSamplesPerSend, labels.join(', ')]
    const cells = [`\`${name}\``, `\`${one.path}\``, ...protocol, ...sizes]
    return `| ${cells.join(' | ')} |`
  })
  const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8')
  const told = page
    .split('\n')
    .filter((line) => Object.keys(presets).some((name) => line.startsWith(`| \`${name}\` | \`/`)))
  assert.deepEqual(told, rows)
})
