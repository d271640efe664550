import assert from 'node:assert/strict'
import { MemoryBuffer } from '../../src/buffer/memory-buffer.ts'
import { connect } from '../../src/http/transport/connection.ts'
import type { Snapshot } from '../../src/metrics/snapshot.ts'
import { Endpoint } from '../../src/remote-write/endpoint.ts'
import type { EndpointOptions } from '../../src/remote-write/index.ts'
import { systemClock } from '../../src/util/clock.ts'
import { createLog } from '../../src/util/log.ts'
import { Expectation, staleBits } from '../remote-write/expected.ts'
import { endpointOptions } from '../remote-write/options.ts'
import { eventually, type Owner, type Prometheus, type Result } from '../support/servers.ts'

/** The stored samples by series: timestamps in milliseconds and values. The key is the JSON of name, value, name, value. */
export type Stored = Map<string, (readonly [timestampMs: number, value: number])[]>

/** How a receiver stores values. */
export interface Keeping {
  readonly keeps: (value: number) => boolean
  readonly isSame: (kept: number, value: number) => boolean
}

export const exact: Keeping = { keeps: () => true, isSame: Object.is }

/** Mimir: its components send samples to each other as protobuf without zero values, so -0 becomes 0. */
export const withoutSignOfZero: Keeping = {
  keeps: () => true,
  isSame: (kept, value) => kept === value || Object.is(kept, value),
}

/** VictoriaMetrics: fractions with twelve digits, no -0, no very small values, and no NaN except the stale marker. */
export const decimal: Keeping = {
  keeps: (value) => !Number.isNaN(value),
  isSame: (kept, value) => kept === value || Math.abs(kept - value) <= Math.max(Math.abs(value) * 1e-12, 1e-300),
}

/** An endpoint and its log. */
export interface Line {
  readonly logged: readonly string[]
  /** Sends snapshots in the way of an agent, and waits for all answers. */
  send(snapshots: readonly Snapshot[]): Promise<void>
}

/** An endpoint for a receiver. Default: it negotiates the protocol version and sends one snapshot in each request. */
export async function lineTo(t: Owner, url: string, more: Partial<EndpointOptions> = {}): Promise<Line> {
  const buffer = new MemoryBuffer(1e8)
  const logged: string[] = []
  const cursor = buffer.cursor('default')
  const endpoint = new Endpoint(
    endpointOptions(`${url}/api/v1/write`, {
      timeoutMs: 10_000,
      backoff: { minMs: 100, maxMs: 1000 },
      maxSamplesPerSend: 1,
      protobufMessage: 'auto',
      metadataIntervalMs: 1,
      ...more,
    }),
    {
      clock: systemClock,
      log: createLog('info', 'logfmt', (line) => logged.push(line), Date.now),
      cursor,
      sender: await connect(url),
      userAgent: 'test/1',
    },
  )
  t.after(() => endpoint.stop(AbortSignal.abort()))
  return {
    logged,
    async send(snapshots) {
      for (const snapshot of snapshots) buffer.append(snapshot)
      await eventually(
        async () => cursor.backlog().snapshots,
        (left) => left === 0,
      )
    },
  }
}

const keyOf = (metric: Result['metric']) =>
  JSON.stringify(
    Object.entries(metric)
      .sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
      .flat(),
  )

const numberIn = (text: string) => Number(text.replace('Inf', 'Infinity'))

/** Every sample of a job without stale markers, which only VictoriaMetrics returns, as NaN. */
async function stored(
  receiver: Pick<Prometheus, 'query'>,
  job: string,
  untilMs: number,
  { keeps }: Keeping,
): Promise<Stored> {
  const found = await receiver.query(`{job="${job}"}[1h]`, untilMs)
  const rows = found.map(({ metric, values }) => {
    const row = values.map(([seconds, value]) => [Math.round(seconds * 1000), numberIn(value)] as const)
    return [keyOf(metric), row.filter(([, value]) => keeps(value))] as const
  })
  return new Map(rows)
}

/** The expected samples. `zeros`: counters have a zero at their start timestamp, which Prometheus adds if configured. */
function expected(snapshots: readonly Snapshot[], { keeps }: Keeping, zeros: boolean): Stored {
  const all: Stored = new Map()
  for (const [key, row] of new Expectation(undefined).next(snapshots).samples) {
    const kept = row.flatMap(([bits, timestampMs]) => {
      const value = Buffer.from(bits, 'hex').readDoubleBE()
      return bits === staleBits || !keeps(value) ? [] : [[timestampMs, value] as const]
    })
    const startMs = row[0]?.[2] ?? 0
    if (zeros && startMs > 0) kept.unshift([startMs, 0])
    if (kept.length > 0) all.set(key, kept)
  }
  return all
}

function assertSame(actual: Stored, wanted: Stored, { isSame }: Keeping): void {
  assert.deepEqual([...actual.keys()].sort(), [...wanted.keys()].sort())
  for (const [key, row] of wanted) {
    const kept = actual.get(key) ?? []
    const isEqual = row.every(([timeMs, value], i) => kept[i]?.[0] === timeMs && isSame(kept[i][1], value))
    assert.ok(isEqual && kept.length === row.length, `${key}: ${JSON.stringify(kept)}, not ${JSON.stringify(row)}`)
  }
}

/** Asserts that the receiver has exactly these samples of a job, and that vanished series have ended. */
export async function assertStored(
  receiver: Pick<Prometheus, 'query'>,
  snapshots: readonly Snapshot[],
  keeping: Keeping,
  zeros = false,
): Promise<void> {
  const job = snapshots[0]?.series[0]?.identity['job'] ?? ''
  const lastMs = snapshots.at(-1)?.timestampMs ?? 0
  const wanted = expected(snapshots, keeping, zeros)
  assert.ok(wanted.size > 20, `only ${wanted.size} series to compare`)
  const actual = await eventually(
    () => stored(receiver, job, lastMs + 1000, keeping),
    ({ size }) => size >= wanted.size,
  )
  assertSame(actual, wanted, keeping)
  const now = await receiver.query(`{job="${job}"}`, lastMs)
  const last = expected(snapshots.slice(-1), keeping, false)
  assert.deepEqual(now.map(({ metric }) => keyOf(metric)).sort(), [...last.keys()].sort())
}
