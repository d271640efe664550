import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Emit } from '../../src/collector.ts'
import type { Family, Labels } from '../../src/metrics/family.ts'
import { emitEndpoint, emitStorage } from '../../src/remote-write/metrics.ts'
import { createStats } from '../../src/remote-write/stats.ts'

const report = () => ({
  name: 'a',
  url: 'http://host/write',
  stats: createStats(),
  maxSamplesPerSend: 10_000,
  backlog: { snapshots: 0, samples: 0, bytes: 0, oldestMs: undefined },
})

/** Emitted samples of an endpoint, by series. */
function emitted(one: ReturnType<typeof report>): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  const emit = ((family: Family, value: number | undefined, labels: Labels = {}) => {
    const { le, reason } = labels
    if (value !== undefined) found.set([family.name + family.suffix, le ?? reason ?? ''].join(' ').trim(), value)
  }) as Emit
  emitStorage(emit, [one], 7)
  emitEndpoint(emit, one, 0)
  return found
}

test('an endpoint has the remote-write metrics of Prometheus from its start', () => {
  const names = new Set([...emitted(report()).keys()].map((series) => series.split(' ')[0]))
  const wanted = `samples_total metadata_total samples_failed_total metadata_failed_total samples_retried_total
    metadata_retried_total samples_dropped_total enqueue_retries_total queue_highest_timestamp_seconds
    queue_highest_sent_timestamp_seconds samples_pending shard_capacity shards shards_max shards_min shards_desired
    bytes_total metadata_bytes_total max_samples_per_send samples_in_total highest_timestamp_in_seconds
    sent_batch_duration_seconds_bucket sent_batch_duration_seconds_sum sent_batch_duration_seconds_count`
  const missing = wanted.split(/\s+/).filter((name) => !names.has(`prometheus_remote_storage_${name}`))
  assert.deepEqual(missing, [])
})

test('durations are a histogram with cumulative buckets', () => {
  const one = report()
  for (const seconds of [0.005, 0.2, 0.25, 400]) one.stats.durations.add(seconds)
  const found = emitted(one)
  const bucket = (le: string) => found.get(`prometheus_remote_storage_sent_batch_duration_seconds_bucket ${le}`)
  assert.deepEqual(['0.005', '0.1', '0.25', '300', '+Inf'].map(bucket), [1, 1, 3, 3, 4])
  assert.equal(found.get('prometheus_remote_storage_sent_batch_duration_seconds_count'), 4)
  assert.equal(found.get('prometheus_remote_storage_sent_batch_duration_seconds_sum'), 400.455)
})

test('shards_desired is above 1 if a request takes longer than the time between two snapshots', () => {
  const { stats } = report()
  assert.equal(stats.load.senders, 1)
  for (let i = 0; i < 50; i++) {
    stats.load.collected(i * 15_000)
    stats.load.sent(1, 3000)
  }
  assert.equal(stats.load.senders, 1)
  for (let i = 0; i < 50; i++) stats.load.sent(1, 30_000)
  assert.equal(Math.round(stats.load.senders * 10) / 10, 2)
  for (let i = 0; i < 50; i++) stats.load.sent(20, 30_000)
  assert.equal(stats.load.senders, 1)
})
