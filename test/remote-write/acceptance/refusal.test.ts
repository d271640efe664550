import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gauge } from '../../../src/metrics/family.ts'
import { SeriesTable } from '../../../src/metrics/series.ts'
import { type Snapshot, SnapshotBuilder } from '../../../src/metrics/snapshot.ts'
import { AcceptanceModel } from '../../../src/remote-write/acceptance/acceptance.ts'
import { type Refusal, refusalOf } from '../../../src/remote-write/acceptance/refusal.ts'
import { namedSeries } from '../../../src/remote-write/acceptance/series-names.ts'
import { labelsOf } from '../../../src/remote-write/encode/labels.ts'
import { EndpointMemo } from '../../../src/remote-write/memo.ts'
import { packageRoot } from '../../../src/util/version.ts'

const pushed = 'HTTP 400: send data to ingesters: failed pushing to ingester m1: user=pc: '

/** Messages of a Mimir 3.0.5 and of other receivers, with the rows of docs/delivery.md. */
const rows: Readonly<Record<string, readonly [message: string, stored: string, expected?: Partial<Refusal>]>> = {
  '`err-mimir-max-series-per-user`, `-per-metric`': [
    `${pushed}per-user series limit of 558 exceeded (err-mimir-max-series-per-user). To adjust the related per-tenant limit, configure -ingester.max-global-series-per-user, or contact your service administrator. (sampled 1/10)`,
    'the others',
    { cause: 'series limit', rule: 'max-series-per-user' },
  ],
  '`err-mimir-max-active-series`, also with 429': [
    'HTTP 429: the request has been rejected because the tenant exceeded the active series limit, set to 558. 6 series were rejected from this request of a total of 564 (err-mimir-max-active-series). To adjust the related per-tenant limit, configure -distributor.max-active-series-per-user, or contact your service administrator.',
    'the others',
    { cause: 'series limit', seriesCount: 6, isForAll: false },
  ],
  '`err-mimir-label-…`, `err-mimir-max-label-names-…`': [
    `HTTP 400: received a series whose label value length of 120 exceeds the limit of 100, label: 'x', value: '${'a'.repeat(120)}' (truncated) series: 'text{instance="pc", job="node", x="${'a'.repeat(120)}"}' (err-mimir-label-value-too-long). To adjust the related per-tenant limit, configure -validation.max-length-label-value, or contact your service administrator.`,
    'the others',
    { cause: 'series', limit: { valueBytes: 100 }, series: `text{instance="pc", job="node", x="${'a'.repeat(120)}"}` },
  ],
  '`err-mimir-sample-out-of-order`, `-duplicate-timestamp`': [
    `${pushed}the sample has been rejected because another sample with a more recent timestamp has already been ingested and out-of-order samples are not allowed (err-mimir-sample-out-of-order). The affected sample has timestamp 2026-11-30T08:14:10.5Z and is from series node_load1{instance="pc", job="node"} (sampled 1/10)`,
    'the others',
    { cause: 'order', timestampMs: 1_796_026_450_500, series: 'node_load1{instance="pc", job="node"}' },
  ],
  '`err-mimir-sample-timestamp-too-old`': [
    `${pushed}the sample has been rejected because its timestamp is too old (err-mimir-sample-timestamp-too-old). The affected sample has timestamp 2026-11-30T08:14:10Z and is from series up`,
    'the others',
    { cause: 'past', dropsSeries: false, series: 'up', timestampMs: 1_796_026_450_000 },
  ],
  '`err-mimir-too-far-in-past`, `-too-far-in-future`': [
    "HTTP 400: received a sample whose timestamp is too far in the past, timestamp: 1796026450000 series: 'up' (err-mimir-too-far-in-past). To adjust the related per-tenant limit, configure -validation.past-grace-period, or contact your service administrator.",
    'series without such a sample',
    { cause: 'past', dropsSeries: true, timestampMs: 1_796_026_450_000 },
  ],
  '`err-mimir-exemplar-…`, `-metadata-…`': [
    'HTTP 400: received a metric metadata with no metric name (err-mimir-metadata-missing-metric-name)',
    'all samples',
    { cause: 'no sample' },
  ],
  '`per-user series limit of … exceeded` (Cortex, Amazon)': [
    'HTTP 400: user=1: per-user series limit of 100 exceeded, please contact administrator to raise it (local limit: 0 global limit: 100 actual local limit: 100)',
    'the others',
    { cause: 'series limit' },
  ],
  'HTTP 409 from Thanos': [
    'HTTP 409: store locally for endpoint 127.0.0.1:10901: conflict',
    'the others',
    { cause: 'unknown' },
  ],
  '`err-mimir-distributor-max-write-message-size`': [
    'HTTP 400: the incoming push request has been rejected because its message size of 47000 bytes is larger than the allowed limit of 20000 bytes (err-mimir-distributor-max-write-message-size). To adjust the related limit, configure -distributor.max-recv-msg-size, or contact your service administrator.',
    'nothing',
    { kind: 'too large' },
  ],
  'HTTP 429, `ingestion burst size limit`': [
    'HTTP 429: the request has been rejected because the tenant exceeded the ingestion burst size limit, set to 2000, with 3694 items. This limit is applied on the total number of samples, exemplars and metadata received across all distributors (err-mimir-tenant-max-ingestion-rate). To adjust the related per-tenant limit, configure -distributor.ingestion-burst-size, or contact your service administrator.',
    'nothing',
    { kind: 'too large', rule: 'burst-size' },
  ],
  'HTTP 429, `ingestion rate limit`': [
    'HTTP 429: the request has been rejected because the tenant exceeded the ingestion rate limit, set to 60 items/s with a maximum allowed burst of 2000. This limit is applied on the total number of samples, exemplars and metadata received across all distributors (err-mimir-tenant-max-ingestion-rate)',
    'nothing',
    { kind: 'unknown' },
  ],
  'anything else': ['HTTP 400: out of bounds', 'nothing', { kind: 'unknown', cause: 'past' }],
}

const statusOf = (message: string) => Number(/^HTTP (\d+)/.exec(message)?.[1])
const memo = () => new EndpointMemo({ memo: '', remember: async () => {} }, new URL('http://receiver.test/'))

function storedText(message: string): string {
  const refusal = refusalOf(message)
  const model = new AcceptanceModel({}, memo())
  if (!model.hasStored(refusal, statusOf(message))) return 'nothing'
  if (refusal.cause === 'no sample') return 'all samples'
  return refusal.dropsSeries ? 'series without such a sample' : 'the others'
}

for (const [name, [message, stored, expected = {}]] of Object.entries(rows))
  test(`${name}: the receiver stores ${stored}`, () => {
    assert.equal(storedText(message), stored)
    const refusal = refusalOf(message)
    assert.deepEqual({ ...refusal, ...expected }, refusal)
  })

test('docs/delivery.md has exactly these rows', () => {
  const page = readFileSync(new URL('docs/delivery.md', packageRoot), 'utf8')
  const text = page.slice(page.indexOf('| Message | Stored |')).split('\n\n')[0] ?? ''
  const told = [...text.matchAll(/^\| (\S.*?) \| (.*?) \| /gm)].map(([, name = '', stored = '']) => [name, stored])
  const tested = Object.entries(rows).map(([name, [, stored]]) => [name, stored])
  assert.deepEqual(told.slice(1), tested)
})

test('a limit of active series that rejects every series of a request stored nothing', () => {
  const all = 'HTTP 429: … 564 series were rejected from this request of a total of 564 (err-mimir-max-active-series).'
  assert.deepEqual([refusalOf(all).isForAll, storedText(all)], [true, 'nothing'])
})

test('the configuration wins over messages, messages over the preset, and the default is atomic', () => {
  const refusal = refusalOf('HTTP 400: x (err-mimir-max-series-per-user)')
  const order = refusalOf('HTTP 400: out of order sample')
  const unknown = refusalOf('HTTP 400: cannot parse')
  const stores = (options: ConstructorParameters<typeof AcceptanceModel>[0]) => {
    const model = new AcceptanceModel(options, memo())
    return [refusal, order, unknown].map((one) => model.hasStored(one, 400))
  }
  assert.deepEqual(stores({}), [true, false, false])
  assert.deepEqual(stores({ presetAcceptance: { preset: 'prometheus', is: 'atomic' } }), [true, false, false])
  assert.deepEqual(stores({ presetAcceptance: { preset: 'amp', is: 'partial' } }), [true, true, false])
  assert.deepEqual(stores({ acceptance: 'partial' }), [true, true, true])
  assert.deepEqual(stores({ acceptance: 'atomic' }), [false, false, false])
})

const text = gauge('text', 'Text.', ['x', 'y'])

/** A snapshot with a series for each pair of label values. */
function snapshotOf(pairs: readonly (readonly [x: string, y: string])[]): Snapshot {
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'node' }))
  builder.begin()
  for (const [x, y] of pairs) builder.add(text, 1, { x, y })
  return builder.end(1000)
}

test('a series is found by the text that Mimir quotes, cut off or with quotes and controls', () => {
  const long = 'a'.repeat(190)
  const { series } = snapshotOf([
    ['1', ''],
    ['1', '2'],
    ['say "hi"\n\\', ''],
    [`${long}1`, '1'],
    [`${long}2`, '1'],
    [`b${long}`, '1'],
  ])
  const find = (quoted: string) => {
    const found = namedSeries(quoted, series, labelsOf)
    return found === undefined ? -1 : series.indexOf(found)
  }
  assert.equal(find('text{job="node", x="1"}'), 0)
  assert.equal(find('text{job="node", x="1", y="2"}'), 1)
  assert.equal(find('text{job="node", x="say \\"hi\\"\\n\\\\"}'), 2)
  assert.equal(find(`text{job="node", x="b${long}`.slice(0, 200)), 5)
  assert.equal(find(`text{job="node", x="${long}`.slice(0, 200)), -1, 'two series begin like this')
  assert.equal(find('text{job="node", x="3"}'), -1)
})
