import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Estimate } from '../../src/estimate/index.ts'
import { temporary } from '../support/servers.ts'
import { commandLine } from '../support/terminal.ts'

const few = ['--collector.disable-defaults', '--collector.loadavg', '--collector.cpu']

async function estimated(t: TestContext, shape: object): Promise<Estimate> {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify({ buffer: { mode: 'memory' }, ...shape }))
  const { status, out, err } = await commandLine(['estimate', `--config.file=${file}`, '--format=json', ...few])
  assert.deepEqual([status, err], [0, ''])
  return JSON.parse(out)
}

const waysOf = ({ endpoints: [first] }: Estimate) => new Map(first?.alternatives.map((one) => [one.way, one]))

test('the estimate lists series by collector, and the volume with other settings', async (t) => {
  const estimate = await estimated(t, { remote_write: [{ url: 'http://receiver.test/' }] })
  assert.equal(estimate.intervalSeconds, 15)
  assert.equal(estimate.collectors.find(({ collector }) => collector === 'loadavg')?.series, 3)
  const total = estimate.collectors.reduce((sum, { series }) => sum + series, 0)
  const ways = waysOf(estimate)
  const now = ways.get('as configured')
  assert.equal(now?.series, total)
  assert.equal(now.samplesPerMonth, total * 172_800)
  const [integration, minimal] = [ways.get('metrics: integration'), ways.get('metrics: minimal')]
  assert.ok((minimal?.series ?? 0) < (integration?.series ?? 0) && (integration?.series ?? 0) < total)
  assert.ok((minimal?.bytesPerMonth ?? 0) < now.bytesPerMonth)
  assert.equal(minimal?.seriesSaved, total - (minimal?.series ?? 0))
  assert.equal(ways.get('interval: 60s')?.samplesPerMonth, now.samplesPerMonth / 4)
  const bundled = ways.get('send_interval: 5m')
  assert.equal(bundled?.samplesPerMonth, now.samplesPerMonth)
  assert.ok((bundled?.bytesPerMonth ?? 0) < now.bytesPerMonth / 2)
  assert.equal(now.billedSeries, undefined)
})

test('Grafana Cloud bills four times the series at 15 s, and the series once at 60 s, the interval of its preset', async (t) => {
  const block = { url: 'https://prometheus-prod-13.grafana.net', preset: 'grafana-cloud' }
  const fast = waysOf(await estimated(t, { remote_write: [block], global: { scrape_interval: '15s' } }))
  const [now, slow] = [fast.get('as configured'), fast.get('interval: 60s')]
  assert.equal(now?.billedSeries, 4 * (now?.series ?? 0))
  assert.equal(slow?.billedSeries, slow?.series)
  const preset = waysOf(await estimated(t, { remote_write: [block] }))
  assert.equal(preset.get('as configured')?.billedSeries, preset.get('as configured')?.series)
  assert.equal(preset.has('interval: 60s'), false)
})

test('relabelling and the keep list of the configuration apply, and metrics: full is an alternative', async (t) => {
  const rules = [{ action: 'drop', source_labels: ['__name__'], regex: 'node_load.*' }]
  const block = { url: 'http://receiver.test/', metrics: 'minimal', write_relabel_configs: rules }
  const ways = waysOf(await estimated(t, { remote_write: [block] }))
  const plain = waysOf(await estimated(t, { remote_write: [{ url: 'http://receiver.test/' }] }))
  assert.equal(ways.get('as configured')?.series, (plain.get('metrics: minimal')?.series ?? 0) - 3)
  assert.ok(ways.has('metrics: full') && !ways.has('metrics: minimal'))
})

test('without a configuration the estimate is for one endpoint with defaults', async () => {
  const { status, out } = await commandLine(['estimate', ...few])
  assert.equal(status, 0)
  assert.match(out, /^loadavg +3$/m)
  assert.match(out, /^\(hostpush itself\) +\d+$/m)
  assert.match(out, /^[\d ]+ series every 15 s: [\d ]+ samples a minute$/m)
  assert.match(out, /^as configured +\d+ +[\d ]+ [kMG]B$/m)
  assert.match(out, /^metrics: minimal .* \d+ %$/m)
})

test('if 2.0 needs more bytes than 1.0, a separate row names the setting that reduces them', async (t) => {
  const url = 'http://receiver.test/'
  const ways = waysOf(await estimated(t, { remote_write: [{ url }] }))
  const [now, second] = [ways.get('as configured'), ways.get('receiver with remote-write 2.0')]
  const lean = ways.get('receiver with remote-write 2.0, metadata_config.inline: types_only')
  assert.ok((second?.bytesPerMonth ?? 0) > (now?.bytesPerMonth ?? Number.POSITIVE_INFINITY))
  assert.ok((lean?.bytesPerMonth ?? Number.POSITIVE_INFINITY) < (second?.bytesPerMonth ?? 0))
  const outright = waysOf(
    await estimated(t, { remote_write: [{ url, protobuf_message: 'io.prometheus.write.v2.Request' }] }),
  )
  assert.ok(outright.has('metadata_config.inline: types_only'))
  const none = waysOf(await estimated(t, { remote_write: [{ url, metadata_config: { inline: 'none' } }] }))
  assert.equal([...none.keys()].filter((way) => way.includes('inline')).length, 0)
})
