import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '../../../src/buffer/types.ts'
import { gauge, type Labels } from '../../../src/metrics/family.ts'
import { SeriesTable } from '../../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../../src/metrics/snapshot.ts'
import type { Rule } from '../../../src/relabel/rule.ts'
import { compileRules } from '../../../src/relabel/rules.ts'
import { batchOf, markable } from '../../../src/remote-write/encode/batch.ts'
import { excessOf, Relabeller, type SeriesSelection } from '../../../src/remote-write/series/relabel.ts'
import { createStats } from '../../../src/remote-write/stats.ts'
import { createLog } from '../../../src/util/log.ts'
import { scene, until } from '../scene.ts'

const disk = gauge('disk', 'A disk.', ['device', 'uuid'])
const load = gauge('load', 'The load.')

/** Collects snapshots and relabels them with these rules. */
async function endpoint({ rules = [], ...wanted }: Omit<SeriesSelection, 'relabel'> & { rules?: readonly Rule[] }) {
  const lines: string[] = []
  const stats = createStats()
  const relabel = await compileRules(rules, 'legacy', (_, text) => assert.fail(text))
  const relabelling = new Relabeller(
    { ...wanted, relabel: rules.length > 0 ? relabel : undefined },
    { log: createLog('debug', 'logfmt', (line) => lines.push(line), Date.now), stats, receiver: { remote_name: 'x' } },
  )
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'node', instance: 'h' }))
  let sequence = 0
  const collect = (...disks: readonly (readonly [device: string, uuid: string, value: number])[]): Entry => {
    builder.begin()
    builder.add(load, 0.5)
    for (const [device, uuid, value] of disks) builder.add(disk, value, { device, uuid })
    return { sequence: ++sequence, snapshot: builder.end(1_700_000_000_000 + sequence * 1000) }
  }
  const shown = ({ snapshot }: Entry) =>
    snapshot.series.map((series, i) => [labelsOf(relabelling, series), snapshot.values[i]] as const)
  return { relabelling, stats, lines, collect, shown }
}

const labelsOf = (relabelling: Relabeller, series: Parameters<Relabeller['labels']>[0]): Labels =>
  Object.fromEntries(relabelling.labels(series))

test('without rules a snapshot is not changed', async () => {
  const { relabelling, collect } = await endpoint({})
  const entries = [collect(['sda', '1', 1])]
  assert.equal(relabelling.entries(entries), entries)
})

test('of two series that differ only in empty labels, the first is sent', async () => {
  const bare = gauge('disk', 'A disk.', ['device'])
  const hosted = gauge('disk', 'A disk.', ['device', 'instance'])
  const { relabelling, stats, lines, shown } = await endpoint({})
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'node', instance: 'h' }))
  builder.begin()
  builder.add(bare, 1, { device: 'sda' })
  builder.add(disk, 2, { device: 'sda', uuid: '' })
  builder.add(disk, 3, { device: 'sda', uuid: '7' })
  builder.add(hosted, 4, { device: 'sda', instance: 'h' })
  builder.add(hosted, 5, { device: 'sda', instance: 'other' })
  const [entry] = relabelling.entries([{ sequence: 1, snapshot: builder.end(1_700_000_000_000) }])
  assert.deepEqual(entry && shown(entry).map(([{ instance, uuid }, value]) => [instance, uuid, value]), [
    ['h', undefined, 1],
    ['h', '7', 3],
    ['other', undefined, 5],
  ])
  assert.equal(stats.samplesDropped.get('duplicate_series'), 2)
  assert.equal(lines.filter((line) => line.includes('Two series have the same labels')).length, 1)
})

test('rules see the labels of the agent, and labels that start with __ are not sent', async () => {
  const { relabelling, collect, shown } = await endpoint({
    rules: [
      { source_labels: ['instance'], target_label: '__host' },
      { source_labels: ['__host', 'job'], separator: '/', target_label: 'who' },
      { action: 'labeldrop', regex: 'uuid|job|instance' },
    ],
  })
  const [entry] = relabelling.entries([collect(['sda', '1', 7])])
  assert.deepEqual(entry && shown(entry), [
    [{ __name__: 'load', who: 'h/node' }, 0.5],
    [{ __name__: 'disk', device: 'sda', who: 'h/node' }, 7],
  ])
})

test('a dropped series is removed with its value and counted once per snapshot', async () => {
  const { relabelling, collect, shown, stats } = await endpoint({
    rules: [{ action: 'drop', source_labels: ['device'], regex: 'sd[ac]' }],
  })
  const entries = [1, 2].map((n) => collect(['sda', '1', n], ['sdb', '2', n * 10], ['sdc', '3', n * 100]))
  for (let time = 0; time < 3; time++) {
    const sent = relabelling.entries(entries)
    assert.deepEqual(
      sent.map((entry) => shown(entry).map(([, value]) => value)),
      [
        [0.5, 10],
        [0.5, 20],
      ],
    )
    assert.equal(sent[0]?.snapshot.series, sent[1]?.snapshot.series)
  }
  assert.deepEqual([...stats.samplesDropped], [['dropped_series', 4]])
})

test('an allowlist matches the collected names', async () => {
  const { relabelling, collect, shown, stats } = await endpoint({
    metrics: new Set(['load']),
    rules: [{ target_label: '__name__', replacement: 'renamed' }],
  })
  const [entry] = relabelling.entries([collect(['sda', '1', 7])])
  assert.deepEqual(entry && shown(entry), [[{ __name__: 'renamed', instance: 'h', job: 'node' }, 0.5]])
  assert.equal(stats.samplesDropped.get('dropped_series'), 1)
})

test('of two series that get the same labels, the first is sent; the other is counted and logged once', async () => {
  const { relabelling, collect, shown, stats, lines } = await endpoint({
    rules: [{ action: 'labeldrop', regex: 'uuid' }],
  })
  const entries = [
    collect(['sda', '1', 1], ['sda', '2', 2]),
    collect(['sda', '1', 1], ['sda', '2', 2], ['sda', '3', 3]),
  ]
  const sent = relabelling.entries(entries)
  assert.deepEqual(
    sent.map((entry) => shown(entry).map(([, value]) => value)),
    [
      [0.5, 1],
      [0.5, 1],
    ],
  )
  assert.equal(stats.samplesDropped.get('duplicate_series'), 3)
  assert.equal(lines.length, 1)
  assert.match(
    lines[0] ?? '',
    /level=ERROR.*Two series have the same labels, only the first is sent.*remote_name=x.*uuid/,
  )
})

test('a series that replaces another one with the same labels needs no stale marker', async () => {
  const { relabelling, collect } = await endpoint({ rules: [{ action: 'labeldrop', regex: 'uuid' }] })
  const entries = [collect(['sda', '1', 1]), collect(['sda', '2', 2]), collect(['sda', '1', 3])]
  const [first, ...others] = relabelling.entries(entries)
  assert.ok(first !== undefined)
  assert.deepEqual(batchOf(others, markable(first)).stale, [])
  assert.equal(new Set([first, ...others].flatMap(({ snapshot }) => snapshot.series)).size, 2)
})

test('a series that vanishes gets a stale marker, unless a rule drops it', async () => {
  const { relabelling, collect } = await endpoint({
    rules: [{ action: 'drop', source_labels: ['device'], regex: 'sda' }],
  })
  const [first, ...others] = relabelling.entries([collect(['sda', '1', 1], ['sdb', '2', 2]), collect()])
  assert.ok(first !== undefined)
  const { stale } = batchOf(others, markable(first))
  assert.deepEqual(
    stale.map(({ series }) => labelsOf(relabelling, series)['device']),
    ['sdb'],
  )
})

test('a series without labels or without a name is not sent, and a missing name is logged', async () => {
  for (const [regex, words] of [
    ['none', 0],
    ['job', 1],
  ] as const) {
    const { relabelling, collect, shown, lines, stats } = await endpoint({ rules: [{ action: 'labelkeep', regex }] })
    const [entry] = relabelling.entries([collect(['sda', '1', 1])])
    assert.deepEqual(entry && shown(entry), [])
    assert.equal(stats.samplesDropped.get('dropped_series'), 2)
    assert.equal(lines.length, words, lines.join(''))
  }
})

test('explicit timestamps stay with their samples', async () => {
  const { relabelling, collect } = await endpoint({
    rules: [{ action: 'drop', source_labels: ['device'], regex: 'sda' }],
  })
  const { sequence, snapshot } = collect(['sda', '1', 1], ['sdb', '2', 2])
  const [entry] = relabelling.entries([
    { sequence, snapshot: { ...snapshot, ownTimestampsMs: Float64Array.of(Number.NaN, 5, 6) } },
  ])
  assert.deepEqual(entry?.snapshot.ownTimestampsMs, Float64Array.of(Number.NaN, 6))
})

test('an endpoint sends the series that its rules keep, and commits a snapshot with none', async (t) => {
  const relabel = await compileRules(
    [
      { action: 'drop', source_labels: ['room'], regex: 'cellar' },
      { source_labels: ['room'], regex: '(.)(.*)', target_label: 'short', replacement: '$1' },
    ],
    'legacy',
    (_, text) => assert.fail(text),
  )
  const { endpoint: one, push, receiver, arrived } = await scene(t, [], { relabel })
  push({ cellar: 12 })
  await until(() => one.state.backlog.snapshots === 0)
  assert.equal(receiver.stats.requests, 0)
  const times = [push({ kitchen: 21, cellar: 12 }), push({ kitchen: 22 })]
  await until(() => one.state.backlog.snapshots === 0)
  assert.deepEqual(arrived('kitchen'), times)
  assert.deepEqual(arrived('cellar'), [])
  assert.ok(receiver.ledger?.every(({ stale, series }) => !stale && series.includes('short="k"')))
  assert.equal(one.stats.samples, 2)
  assert.equal(one.stats.samplesDropped.get('dropped_series'), 2)
})

test('a rejected series is found among the kept ones and logged with the labels that were sent', async (t) => {
  const relabel = await compileRules(
    [
      { action: 'drop', source_labels: ['room'], regex: '[a-y]' },
      { source_labels: ['room'], target_label: 'place' },
      { action: 'labeldrop', regex: 'room' },
    ],
    'legacy',
    (_, text) => assert.fail(text),
  )
  const {
    endpoint: one,
    push,
    lines,
    receiver,
  } = await scene(
    t,
    [
      { status: 400, body: 'no' },
      { status: 400, body: 'no' },
    ],
    {
      relabel,
    },
  )
  const letters = Object.fromEntries([...'abcdefgz'].map((room) => [room, 1]))
  push({ ...letters, zz: 1 })
  await until(() => one.state.backlog.snapshots === 0)
  assert.equal(one.stats.samplesFailed, 1)
  assert.equal(receiver.ledger?.length, 1)
  assert.match(
    lines.filter((line) => line.includes('level=ERROR')).join(),
    /Series rejected by the receiver.*place.*reason="HTTP 400: no"/,
  )
})

test('a series that exceeds the label limits is dropped, counted with its own reason and logged once', async () => {
  const rule = { action: 'labeldrop', regex: 'uuid' } as const
  for (const rules of [[], [rule]]) {
    const limits = { labels: 4 + (1 - rules.length), valueBytes: 5 }
    const { relabelling, collect, shown, stats, lines } = await endpoint({ rules, limits })
    const entries = [1, 2].map((n) => collect(['sda', '1', n], ['längst', '2', n]))
    const sent = relabelling.entries(entries)
    assert.deepEqual(
      sent.map((entry) => shown(entry).map(([labels]) => labels['device'])),
      [
        [undefined, 'sda'],
        [undefined, 'sda'],
      ],
    )
    assert.deepEqual(Object.fromEntries(stats.samplesDropped), { dropped_series: 0, label_limit: 2 })
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /value of label device has 7 bytes, label_value_length_limit is 5/)
  }
})

test('label limits count __name__ as a label, and lengths in bytes', () => {
  const labels = [
    ['__name__', 'up'],
    ['näme', 'x'.repeat(9)],
  ] as const
  assert.equal(excessOf(labels, {}), undefined)
  assert.equal(excessOf(labels, { labels: 2, nameBytes: 8, valueBytes: 9 }), undefined)
  assert.match(excessOf(labels, { labels: 1 }) ?? '', /2 labels, label_limit is 1/)
  assert.match(excessOf([['näme', '']], { nameBytes: 4 }) ?? '', /5 bytes, label_name_length_limit is 4/)
  assert.match(excessOf(labels, { valueBytes: 8 }) ?? '', /9 bytes, label_value_length_limit is 8/)
})
