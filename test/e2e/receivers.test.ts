import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryBuffer } from '../../src/buffer/memory.ts'
import { systemClock } from '../../src/clock.ts'
import { connect } from '../../src/http/connection.ts'
import { createLog } from '../../src/log.ts'
import type { Snapshot } from '../../src/metrics/snapshot.ts'
import { Endpoint, type EndpointOptions } from '../../src/remote-write/index.ts'
import { Expectation, staleBits } from '../remote-write/expected.ts'
import {
  eventually,
  type Prometheus,
  type Result,
  startPrometheus,
  startPrometheus3,
  startVictoriaMetrics,
} from '../servers.ts'
import { caseHost, liveHost, oddHost } from './hosts.ts'

/** What is stored of a series: times in milliseconds and values; a label set is the JSON of name, value, name, value. */
type Stored = Map<string, (readonly [timestampMs: number, value: number])[]>

/** A receiver and how it keeps values. */
interface Kind {
  readonly name: string
  readonly start: (t: TestContext) => Promise<Prometheus | undefined>
  readonly options?: Partial<EndpointOptions>
  /** Labels that a series may have. */
  readonly labels: number
  readonly keeps: (value: number) => boolean
  readonly isSame: (kept: number, value: number) => boolean
}

const exact = { labels: 100, keeps: () => true, isSame: Object.is }

/** Fractions to twelve digits, one zero, nothing very small, no NaN but the stale marker. */
const decimal = {
  labels: 30,
  keeps: (value: number) => !Number.isNaN(value),
  isSame: (kept: number, value: number) =>
    kept === value || Math.abs(kept - value) <= Math.max(Math.abs(value) * 1e-12, 1e-300),
}

const kinds: readonly Kind[] = [
  { name: 'Prometheus 2', start: (t) => startPrometheus(t), ...exact },
  { name: 'Prometheus 3', start: (t) => startPrometheus3(t), ...exact },
  {
    name: 'Prometheus 3, by remote-write 2.0,',
    start: (t) => startPrometheus3(t),
    options: { message: 'io.prometheus.write.v2.Request' },
    ...exact,
  },
  { name: 'VictoriaMetrics', start: startVictoriaMetrics, ...decimal },
]

/** Sends these as an agent would, each in a request of its own, and waits until all have had their answer. */
async function send(
  t: TestContext,
  { url }: Prometheus,
  snapshots: readonly Snapshot[],
  more: Partial<EndpointOptions>,
) {
  const buffer = new MemoryBuffer(1e8)
  const lines: string[] = []
  const cursor = buffer.cursor('default')
  const endpoint = new Endpoint(
    {
      name: 'default',
      url: new URL(`${url}/api/v1/write`),
      headers: () => ({}),
      timeoutMs: 10_000,
      backoff: { minMs: 100, maxMs: 1000 },
      maxSamplesPerSend: 1,
      message: 'prometheus.WriteRequest',
      inline: 'full',
      metadataIntervalMs: 1,
      sendIntervalMs: 0,
      offsetMs: 0,
      intervalMs: 1000,
      ageLimitMs: 0,
      pacing: 'off',
      ...more,
    },
    {
      clock: systemClock,
      log: createLog('info', 'logfmt', (line) => lines.push(line), Date.now),
      cursor,
      sender: await connect(url),
      userAgent: 'test/1',
    },
  )
  t.after(() => endpoint.stop(AbortSignal.abort()))
  for (const snapshot of snapshots) buffer.append(snapshot)
  await eventually(
    async () => cursor.backlog().snapshots,
    (left) => left === 0,
  )
  return { lines, endpoint }
}

const keyOf = (metric: Result['metric']) =>
  JSON.stringify(
    Object.entries(metric)
      .sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
      .flat(),
  )

const timesIn = (values: Result['values']) =>
  values.map(([seconds, value]) => [Math.round(seconds * 1000), numberIn(value)] as const)

const numberIn = (text: string) => Number(text.replace('Inf', 'Infinity'))

/** All samples of a job but for stale markers, which only VictoriaMetrics shows in a range: as NaN. */
async function stored(receiver: Prometheus, job: string, untilMs: number, { keeps }: Kind): Promise<Stored> {
  const found = await receiver.query(`{job="${job}"}[1h]`, untilMs)
  const rows = found.map(({ metric, values }) => {
    const row = timesIn(values).filter(([, value]) => keeps(value))
    return [keyOf(metric), row] as const
  })
  return new Map(rows)
}

/** What has to be stored. */
function expected(snapshots: readonly Snapshot[], { keeps }: Kind): Stored {
  const all: Stored = new Map()
  for (const [key, row] of new Expectation(undefined).next(snapshots).samples) {
    const left = row.flatMap(([bits, timestampMs]) => {
      const value = Buffer.from(bits, 'hex').readDoubleBE()
      return bits === staleBits || !keeps(value) ? [] : [[timestampMs, value] as const]
    })
    if (left.length > 0) all.set(key, left)
  }
  return all
}

function assertSame(actual: Stored, wanted: Stored, { isSame }: Kind): void {
  assert.deepEqual([...actual.keys()].sort(), [...wanted.keys()].sort())
  for (const [key, row] of wanted) {
    const kept = actual.get(key) ?? []
    const isEqual = row.every(([timeMs, value], i) => kept[i]?.[0] === timeMs && isSame(kept[i][1], value))
    assert.ok(isEqual && kept.length === row.length, `${key}: ${JSON.stringify(kept)}, not ${JSON.stringify(row)}`)
  }
}

for (const kind of kinds) {
  test(`${kind.name} has every series and value that was collected`, async (t) => {
    const receiver = await kind.start(t)
    if (receiver === undefined) return
    const beginMs = Date.now() - 60_000
    const hosts = [await liveHost(beginMs), caseHost(beginMs), oddHost(beginMs, kind.labels)]
    for (const snapshots of hosts) {
      const { lines, endpoint } = await send(t, receiver, snapshots, kind.options ?? {})
      assert.deepEqual(lines, [])
      const samples = snapshots.reduce((sum, { values }) => sum + values.length, 0)
      assert.ok(endpoint.stats.samples >= samples)
      const job = snapshots[0]?.series[0]?.identity['job'] ?? ''
      const lastMs = snapshots.at(-1)?.timestampMs ?? 0
      const wanted = expected(snapshots, kind)
      const actual = await eventually(
        () => stored(receiver, job, lastMs + 1000, kind),
        ({ size }) => size >= wanted.size,
      )
      assertSame(actual, wanted, kind)
      // what has vanished is not there any more as of the snapshot that lacks it
      const now = await receiver.query(`{job="${job}"}`, lastMs)
      const last = expected(snapshots.slice(-1), kind)
      assert.deepEqual(now.map(({ metric }) => keyOf(metric)).sort(), [...last.keys()].sort())
    }
  })
}
