import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { configOf, cycleOf, hostOf } from '../../bench/agent.ts'
import { readText } from '../../src/metrics/exposition/read-text.ts'
import { type Family, family, type Labels } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { type Snapshot, SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { root } from '../support/servers.ts'

const stepMs = 15_000

/** Start timestamps of counters, shortly ago: Prometheus accepts the zero samples only within its head block. */
const startsAt = (beginMs: number) => ({ boot: beginMs - 240_000, start: beginMs - 60_000 })

/** Three snapshots of this host; the last one lacks every fifth series. */
export async function liveHost(beginMs: number): Promise<readonly Snapshot[]> {
  const config = await configOf(['--web.listen-address='])
  const host = hostOf(config)
  const cycle = cycleOf({ ...config, identity: { job: 'node', instance: 'live' } }, host, config.collectors)
  const snapshots: Snapshot[] = []
  for (let i = 0; i < 3; i++) {
    const { snapshot } = await cycle(beginMs + i * stepMs)
    snapshots.push({ ...snapshot, starts: startsAt(beginMs) })
  }
  const [first, second, last] = snapshots as [Snapshot, Snapshot, Snapshot]
  const isLeft = (_: unknown, i: number) => i % 5 !== 0
  const less = { ...last, series: last.series.filter(isLeft), values: last.values.filter(isLeft) }
  return [first, second, less]
}

/** Every sample that the cases of the collectors expect, under the name of its case. */
export function caseHost(beginMs: number): readonly Snapshot[] {
  const table = new SeriesTable({ job: 'cases', instance: 'cases' })
  const builder = new SnapshotBuilder(table)
  const cases = globSync(join(root, 'test/cases/*/*/expected.prom')).sort()
  builder.begin()
  for (const file of cases) {
    const name = file.split('/').slice(-3, -1).join('/')
    for (const { name: known, type, help, samples } of readText(readFileSync(file)))
      for (const { suffix, labels, value } of samples)
        builder.add(family(type, known, help, ['case', ...Object.keys(labels)], suffix), value, {
          ...labels,
          case: name,
        })
  }
  return [builder.end(beginMs)]
}

/** Difficult values, texts, timestamps and label sets. `labels` is the receiver's limit of labels. */
export function oddHost(beginMs: number, labels: number): readonly Snapshot[] {
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'odd', instance: 'odd', site: 'lab' }))
  const value = family('gauge', 'odd_value', 'A "value", \\ and\nwhat of it.', ['kind'])
  const text = family('untyped', 'odd_text', 'Grüße 日本 😀', ['text', 'site'])
  const names = Array.from({ length: labels - 4 }, (_, i) => `label_${i}`)
  const many = family('counter', 'odd_many_total', '', names)
  const part = (suffix: '_bucket' | '_sum' | '_count') =>
    family('histogram', 'odd_seconds', 'A histogram.', suffix === '_bucket' ? ['le'] : [], suffix)
  const quantile = family('summary', 'odd_summary', 'A summary.', ['quantile'])
  const samples: [Family, number, Labels?][] = [
    ...Object.entries(values).map(([kind, one]): [Family, number, Labels] => [value, one, { kind }]),
    ...texts.map((one, i): [Family, number, Labels] => [text, i, { text: one, site: i % 2 === 0 ? '' : one }]),
    [many, 1, Object.fromEntries(names.map((name) => [name, name.repeat(3)]))],
    [part('_bucket'), 3, { le: '0.5' }],
    [part('_bucket'), 4, { le: '+Inf' }],
    [part('_sum'), 1.5],
    [part('_count'), 4],
    [quantile, 0.25, { quantile: '0.9' }],
  ]
  return [0, 1].map((i) => {
    builder.begin()
    for (const [one, number, set] of samples) builder.add(one, number, set)
    const snapshot = builder.end(beginMs + i * stepMs)
    const own = snapshot.values.map((_, at) => (at % 7 === 3 ? beginMs + i * stepMs - 1234 : Number.NaN))
    return { ...snapshot, ownTimestampsMs: own }
  })
}

const values = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  minusInf: Number.NEGATIVE_INFINITY,
  zero: 0,
  minusZero: -0,
  tiny: 5e-324,
  big: 1.7976931348623157e308,
  third: 1 / 3,
  whole: 2 ** 53,
  counter: 18_446_744_073_709_552_000,
}

const texts = [
  ' ',
  'a"b\\c\nd\te',
  'grüße 日本 😀',
  '\u0001\u007f',
  '\ufffd',
  'x'.repeat(900),
  '日'.repeat(300),
  '{}=,"',
]
