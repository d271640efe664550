import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '../../../src/buffer/types.ts'
import { gauge } from '../../../src/metrics/family.ts'
import type { Series } from '../../../src/metrics/series.ts'
import { canonicalize } from '../../../src/remote-write/series/stale-tracker.ts'

const family = gauge('temperature', 'Degrees.', ['room'])
const series = (room: string, ref = 1): Series => ({ ref, family, labelValues: [room], identity: { job: 'node' } })
const entry = (sequence: number, list: readonly Series[]): Entry => ({
  sequence,
  snapshot: { timestampMs: sequence, series: list, values: Float64Array.from(list, () => 1) },
})

test('snapshots that share their series are not changed', () => {
  const list = [series('a'), series('b')]
  const entries = [entry(1, list), entry(2, list)]
  assert.equal(canonicalize(entries, list).entries, entries)
  const [a, b, c] = [series('a'), series('b'), series('c')]
  const apart = [entry(1, [a, b]), entry(2, [a, c])]
  assert.equal(canonicalize(apart, [a]).entries, apart)
})

test('series objects with the same labels become the newest object, in the entries and in the previous series', () => {
  const [old, read, live, other] = [series('a'), series('a', -1), series('a', 7), series('b')]
  const { entries, before } = canonicalize([entry(1, [read, other]), entry(2, [other, live])], [old])
  assert.deepEqual(
    [before, ...entries.map(({ snapshot }) => snapshot.series)].map((list) => list.map(({ ref }) => ref)),
    [[7], [7, 1], [1, 7]],
  )
  assert.equal(entries[0]?.snapshot.values.length, 2)
})
