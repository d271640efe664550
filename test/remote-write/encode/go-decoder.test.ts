import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gauge } from '../../../src/metrics/family.ts'
import { SeriesTable } from '../../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../../src/metrics/snapshot.ts'
import { createSnappy } from '../../../src/remote-write/encode/compression.ts'
import { labelsOf } from '../../../src/remote-write/encode/labels.ts'
import { EncoderV1 } from '../../../src/remote-write/encode/v1.ts'
import { judge } from '../judge.ts'
import { assertJudged } from '../judged.ts'

// npm run faults does the same with 10,000
for (const version of [1, 2] as const)
  test(`Prometheus decodes 1,000 random snapshots in remote-write ${version}.0 without differences`, (t) =>
    assertJudged(t, version, 1000))

test('the Go decoder rejects unsorted labels and invalid requests', async (t) => {
  const ask = judge(t)
  if (ask === undefined) return
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'node' }))
  builder.begin()
  builder.add(gauge('up', 'Up.'), 1)
  const entries = [{ sequence: 1, snapshot: builder.end(1_700_000_000_000) }]
  const encoder = new EncoderV1((series) => labelsOf(series).toReversed())
  const bytes = createSnappy()(encoder.encode({ entries, stale: [] }).bytes)
  await assert.rejects(ask([{ version: 1, bytes }]), /"__name__" behind "job"/)
  await assert.rejects(ask([{ version: 2, bytes }]), /the first symbol is not the empty one/)
  await assert.rejects(ask([{ version: 1, bytes: Buffer.from('abc') }]), /corrupt/)
})
