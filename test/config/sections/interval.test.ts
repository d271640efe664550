import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConfigError } from '../../../src/config/error.ts'
import { readConfig } from '../../../src/config/index.ts'
import { endpointsOf, outputKinds } from '../../support/outputs.ts'
import { temporary } from '../../support/servers.ts'

const url = 'http://127.0.0.1:9090/api/v1/write'
const [a, b] = [
  { url, name: 'a' },
  { url, name: 'b' },
]

function configured(t: TestContext, shape: object) {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify(shape))
  return readConfig({ flags: new Map([['config.file', file]]), environment: {}, collectors: [], outputKinds })
}

/** How often is collected, and of how much each endpoint takes one. */
async function intervals(t: TestContext, shape: object) {
  const config = await configured(t, shape)
  return [config.intervalMs, ...endpointsOf(config).map(({ sampling }) => sampling?.intervalMs)]
}

test('the collection interval is the shortest of the outputs, or the configured one', async (t) => {
  assert.deepEqual(await intervals(t, {}), [15_000])
  assert.deepEqual(await intervals(t, { remote_write: [{ ...a, interval: '60s' }] }), [60_000, undefined])
  assert.deepEqual(await intervals(t, { remote_write: [{ ...a, interval: '60s' }, b] }), [15_000, 60_000, undefined])
  const two = [
    { ...a, interval: '5m' },
    { ...b, interval: '30s' },
  ]
  assert.deepEqual(await intervals(t, { remote_write: two }), [30_000, 300_000, undefined])
  assert.deepEqual(await intervals(t, { remote_write: two, pushgateway: [{ url }] }), [15_000, 300_000, 30_000])
  const global = { scrape_interval: '10s' }
  assert.deepEqual(await intervals(t, { global, remote_write: two }), [10_000, 300_000, 30_000])
})

test('a configured interval takes precedence over that of a preset', async (t) => {
  const cloud = { ...a, preset: 'grafana-cloud' }
  assert.deepEqual(await intervals(t, { remote_write: [cloud] }), [60_000, undefined])
  assert.deepEqual(await intervals(t, { remote_write: [{ ...cloud, interval: '30s' }] }), [30_000, undefined])
})

test('an interval below that of the collection is an error with its place', async (t) => {
  const shape = { global: { scrape_interval: '1m' }, remote_write: [{ ...a, interval: '15s' }] }
  await assert.rejects(configured(t, shape), (error) => {
    assert.ok(error instanceof ConfigError)
    assert.equal(error.problems.length, 1)
    assert.match(
      error.problems[0] ?? '',
      /config\.json: remote_write\[0\]\.interval: 15s is shorter than global\.scrape_interval \(60s\), set a shorter global\.scrape_interval$/,
    )
    return true
  })
})

test('a host sends at its own offset within send_interval', async (t) => {
  const offsets = new Set<number>()
  for (let i = 0; i < 40; i++) {
    const shape = { instance: `host-${i}`, remote_write: [{ ...a, send_interval: '1h' }, b] }
    const [slow = 0, fast] = endpointsOf(await configured(t, shape)).map(({ offsetMs }) => offsetMs)
    assert.equal(fast, 0)
    assert.ok(slow >= 0 && slow < 3_600_000)
    offsets.add(Math.floor(slow / 900_000))
  }
  assert.equal(offsets.size, 4, 'each quarter of the hour has a host')
})
