import { type Family, family, type MetricType, type Since, type Suffix } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { type Snapshot, SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import type { Rule } from '../../src/relabel/rule.ts'

/** Snapshots of a host with unusual metrics, and relabeling rules for them. */
export interface RandomHost {
  readonly snapshots: readonly Snapshot[]
  readonly rules: readonly Rule[]
}

/** Rules that drop series, change labels, and give several series the same labels. */
export const ruleLists: readonly (readonly Rule[])[] = [
  [],
  [{ action: 'labeldrop', regex: 'a|device' }],
  [{ action: 'drop', source_labels: ['__name__'], regex: '.*2.*' }],
  [{ source_labels: ['a', 'instance'], separator: '/', target_label: 'b' }],
  [{ source_labels: ['__name__'], regex: '(.*?)[0-9]', target_label: '__name__', replacement: '$1' }],
  [
    { source_labels: ['mode'], target_label: '__kept' },
    { action: 'labeldrop', regex: 'mode|a' },
    { source_labels: ['__kept'], target_label: 'ÿ\u{10000}', regex: '(.+)' },
  ],
]

/** Reproducible random numbers from 0 to 1 (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const values = [
  0,
  -0,
  1,
  -1,
  0.1,
  1 / 3,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.MIN_VALUE,
  Number.MAX_VALUE,
  Number.MAX_SAFE_INTEGER,
  2 ** 63,
  1e-300,
]
const texts = [
  '',
  'a',
  'eth0',
  '/run/user/1000',
  'a"b\\c\nd',
  'grüße 日本',
  '😀\u{10ffff}',
  '\ue000\uffff',
  '\ud800 alone',
  'x'.repeat(200),
  'ä'.repeat(3000),
  '\u0000',
  ' ',
]
const names = ['a', 'A', 'b', 'device', 'mode', 'le', 'Z_9', '_u', 'instance', 'é', 'Ω', '\uffff', '\u{10000}', 'job']
const times = [1_780_000_000_000, 1, 4_102_444_800_000, -62_135_596_800_000]

/** A random host, reproducible by its seed. */
export function randomHost(seed: number): RandomHost {
  const random = numbers(seed)
  const below = (count: number) => Math.floor(random() * count)
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T
  const some = <T>(of: readonly T[], most: number): T[] => [
    ...new Set(Array.from({ length: below(most + 1) }, () => one(of))),
  ]
  const value = () => (random() < 0.4 ? one(values) : (random() - 0.5) * 10 ** below(20))
  const type = () => one<MetricType>(['counter', 'gauge', 'histogram', 'summary', 'untyped'])
  const made = Array.from({ length: 1 + below(8) }, (): Family => {
    const kind = type()
    const suffix = one<Suffix>(
      kind === 'histogram' ? ['_bucket', '_sum', '_count'] : kind === 'summary' ? ['', '_sum'] : [''],
    )
    const many = random() < 0.02 ? Array.from({ length: 100 }, (_, i) => `l${i}`) : []
    const labelNames = [...some(names, 4), ...many]
    const since = kind === 'counter' ? one<Since | undefined>(['boot', 'start', undefined]) : undefined
    return { ...family(kind, `${one(['node', 'up', 'x:y'])}_${below(6)}`, one(texts), labelNames, suffix), since }
  })
  const samples = made.flatMap((family) =>
    Array.from({ length: 1 + below(6) }, () => ({
      family,
      labels: Object.fromEntries(family.labelNames.map((name) => [name, one(texts)])),
    })),
  )
  const identity = Object.fromEntries(some([...names, 'site'], 4).map((name) => [name, one(texts)]))
  const builder = new SnapshotBuilder(new SeriesTable(identity))
  const startMs = () => one([0, 1, 1_779_999_000_123, 4_102_444_800_000])
  const starts = random() < 0.5 ? undefined : { boot: startMs(), start: startMs() }
  const [isSteady, hasTimes, beginMs] = [random() < 0.4, random() < 0.2, one(times)]
  const snapshots = Array.from({ length: 2 + below(6) }, (_, i): Snapshot => {
    builder.begin()
    for (const { family, labels } of samples) if (isSteady || random() < 0.8) builder.add(family, value(), labels)
    const snapshot = { ...builder.end(beginMs + i * 15_000), starts }
    if (!hasTimes) return snapshot
    const own = snapshot.values.map(() => (random() < 0.5 ? Number.NaN : beginMs + i * 15_000 - below(10_000)))
    return { ...snapshot, ownTimestampsMs: own }
  })
  return { snapshots, rules: random() < 0.5 ? [] : one(ruleLists) }
}
