import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { uncompress } from 'snappyjs'
import { eventually, freePort, hostpush, type Prometheus, startPrometheus, temporary } from '../support/servers.ts'

/** The remote-write alerts of Prometheus's mixin, and one panel for each other metric. */
const rules = {
  PrometheusRemoteStorageFailures:
    '(rate(prometheus_remote_storage_samples_failed_total[5m]) / ' +
    '(rate(prometheus_remote_storage_samples_failed_total[5m]) + rate(prometheus_remote_storage_samples_total[5m])))' +
    ' * 100 > 1',
  PrometheusRemoteWriteBehind:
    '(max_over_time(prometheus_remote_storage_highest_timestamp_in_seconds[5m]) - ignoring(remote_name, url)' +
    ' group_right max_over_time(prometheus_remote_storage_queue_highest_sent_timestamp_seconds[5m])) > 120',
  'PrometheusRemoteWriteBehind of today':
    'max_over_time(prometheus_remote_storage_queue_highest_timestamp_seconds[5m]) - ' +
    'max_over_time(prometheus_remote_storage_queue_highest_sent_timestamp_seconds[5m]) > 120',
  PrometheusRemoteWriteDesiredShards:
    'max_over_time(prometheus_remote_storage_shards_desired[5m]) > max_over_time(prometheus_remote_storage_shards_max[5m])',
}

const panels = [
  'prometheus_remote_storage_highest_timestamp_in_seconds - ignoring(remote_name, url) group_right(instance)' +
    ' (prometheus_remote_storage_queue_highest_sent_timestamp_seconds != 0)',
  'rate(prometheus_remote_storage_samples_in_total[5m]) - ignoring(remote_name, url) group_right(instance)' +
    ' rate(prometheus_remote_storage_samples_total[5m]) - ignoring(reason)' +
    ' rate(prometheus_remote_storage_samples_dropped_total{reason="dropped_series"}[5m])',
  'histogram_quantile(0.99, sum by (le, remote_name) (rate(prometheus_remote_storage_sent_batch_duration_seconds_bucket[5m])))',
  ...['shards', 'shards_max', 'shards_min', 'shards_desired', 'shard_capacity', 'samples_pending'].map(
    (name) => `prometheus_remote_storage_${name}`,
  ),
  ...['samples_failed', 'samples_retried', 'enqueue_retries', 'bytes', 'metadata', 'metadata_failed'].map(
    (name) => `rate(prometheus_remote_storage_${name}_total[5m])`,
  ),
  'prometheus_remote_storage_samples_dropped_total{reason="too_old"}',
]

/** A receiver that rejects every request that contains one series. */
async function picky(t: TestContext, refused: string): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = Buffer.from(uncompress(Buffer.concat(await request.toArray())))
    response.writeHead(body.includes(refused) ? 400 : 204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const namesIn = async (prometheus: Prometheus, promql: string) =>
  (await prometheus.query(promql)).map(({ metric }) => metric['remote_name']).sort()

test("the alerts of Prometheus's mixin fire for the failing endpoint and no other", async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const few = [{ source_labels: ['__name__'], regex: 'node_load.*|up|scrape_.*', action: 'keep' }]
  const endpoints = {
    well: prometheus.url,
    away: `http://127.0.0.1:${await freePort()}`,
    picky: await picky(t, 'node_load15'),
  }
  const file = join(temporary(t), 'config.json')
  const shape = {
    global: { scrape_interval: '500ms' },
    remote_write: Object.entries(endpoints).map(([name, url]) => ({
      name,
      url: `${url}/api/v1/write`,
      ...(name === 'picky' && { write_relabel_configs: few }),
    })),
    collectors: { disable_defaults: true, loadavg: { enabled: true } },
    web: { listen_address: [] },
    flush_timeout: '1s',
  }
  writeFileSync(file, JSON.stringify(shape))
  const agent = hostpush(t, ['run', `--config.file=${file}`])
  const expected = {
    PrometheusRemoteStorageFailures: ['picky'],
    PrometheusRemoteWriteBehind: ['away'],
    'PrometheusRemoteWriteBehind of today': ['away'],
    PrometheusRemoteWriteDesiredShards: [],
  }
  for (const [name, promql] of Object.entries(rules)) {
    const wanted = expected[name as keyof typeof rules]
    const isWanted = (names: readonly unknown[]) => JSON.stringify(names) === JSON.stringify(wanted)
    await eventually(() => namesIn(prometheus, promql), isWanted)
  }
  for (const promql of panels)
    await eventually(
      () => namesIn(prometheus, promql),
      (names) => names.includes('well'),
    )
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, 0)
})
