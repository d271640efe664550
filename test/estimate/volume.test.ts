import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Plan, volumeOf } from '../../src/estimate/volume.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { scene, temperature, until } from '../remote-write/scene.ts'

const spoken = { protobufMessage: 'prometheus.WriteRequest', inline: 'full' } as const
const plan: Plan = { intervalMs: 15_000, sendIntervalMs: 0, metadataIntervalMs: 0, maxSamplesPerSend: 1000, ...spoken }
const rooms = Array.from({ length: 50 }, (_, i) => [`room ${i}`, 20 + i / 7] as const)

/** Snapshots of fifty rooms, every 15 s. */
function snapshots(count: number) {
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'node', instance: 'h' }))
  return Array.from({ length: count }, (_, i) => {
    builder.begin()
    for (const [room, value] of rooms) builder.add(temperature, value + i, { room })
    return builder.end(1_700_000_000_000 + i * 15_000)
  })
}

test('a month has 172,800 intervals of 15 s', () => {
  const { series, samplesPerMinute, samplesPerMonth, requestsPerMonth } = volumeOf(snapshots(2), plan)
  assert.deepEqual([series, samplesPerMinute, samplesPerMonth, requestsPerMonth], [50, 200, 8_640_000, 172_800])
})

test('bytes equal those that an endpoint sends', async (t) => {
  const { push, receiver, endpoint } = await scene(t)
  push(Object.fromEntries(rooms))
  await until(() => endpoint.stats.samples === 50)
  const { bytesPerMonth } = volumeOf(snapshots(1), plan)
  const sent = receiver.stats.compressedBytes
  assert.ok(Math.abs(bytesPerMonth / 172_800 / sent - 1) < 0.02, `${bytesPerMonth / 172_800} beside ${sent}`)
})

test('several snapshots in a request need fewer bytes, and no request exceeds its limit', () => {
  const one = volumeOf(snapshots(20), plan)
  const twenty = volumeOf(snapshots(20), { ...plan, sendIntervalMs: 300_000 })
  assert.equal(twenty.requestsPerMonth, 8640)
  assert.equal(twenty.samplesPerMonth, one.samplesPerMonth)
  assert.ok(twenty.bytesPerMonth < one.bytesPerMonth / 2)
  assert.equal(
    volumeOf(snapshots(20), { ...plan, sendIntervalMs: 300_000, maxSamplesPerSend: 500 }).requestsPerMonth,
    17_280,
  )
})

test('type and help need a separate request, not more often than samples', () => {
  const once = volumeOf(snapshots(2), { ...plan, metadataIntervalMs: 60_000 })
  assert.equal(once.requestsPerMonth, 172_800 + 43_200)
  const rarely = volumeOf(snapshots(2), { ...plan, intervalMs: 120_000, metadataIntervalMs: 60_000 })
  assert.equal(rarely.requestsPerMonth, 2 * 21_600)
})

test('zstd needs fewer bytes, and 2.0 needs no requests for type and help', () => {
  const protobufMessage = 'io.prometheus.write.v2.Request'
  const newer = volumeOf(snapshots(2), { ...plan, metadataIntervalMs: 60_000, protobufMessage })
  assert.equal(newer.requestsPerMonth, 172_800)
  assert.ok(
    volumeOf(snapshots(2), { ...plan, compression: 'zstd' }).bytesPerMonth <
      0.9 * volumeOf(snapshots(2), plan).bytesPerMonth,
  )
})

test('series that rules drop need no bytes', () => {
  const { series, bytesPerMonth } = volumeOf(snapshots(2), { ...plan, metrics: new Set() })
  assert.deepEqual([series, bytesPerMonth], [0, 0])
})
