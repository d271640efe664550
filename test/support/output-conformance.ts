import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Buffer as HostpushBuffer } from '../../src/buffer/index.ts'
import type { Collector, Emit } from '../../src/collector.ts'
import { readConfig } from '../../src/config/index.ts'
import type { Sender } from '../../src/http/types.ts'
import {
  type Family,
  gauge,
  type Labels,
  SeriesTable,
  type Snapshot,
  SnapshotBuilder,
} from '../../src/metrics/index.ts'
import type { Output, OutputKind, RegisteredKind } from '../../src/output.ts'
import { outputKinds as registry } from '../../src/output-kinds.ts'
import { type Clock, systemClock } from '../../src/util/clock.ts'
import { temporary } from './servers.ts'

/** What the conformance suite has to know about a kind of output. */
export interface ConformanceEntry {
  /** Its key in the configuration, which is in the registry (src/output-kinds.ts). */
  readonly kind: string
  /**
   * A block of the configuration for a receiver at this origin (`http://127.0.0.1:1234`), without a name. A request times
   * out after `requestTimeout`, a backoff is at most a minute, and each snapshot is sent at once. The suite adds `name`,
   * and `headers` to change a block.
   */
  block(origin: string): Block
  /** The status with which a receiver of this kind accepts a request. */
  readonly success: number
  /** The samples in a request, in their order; none in a request that stores nothing. */
  samples(request: ReceivedRequest): readonly ReceivedSample[] | Promise<readonly ReceivedSample[]>
}

/** Longer than any test waits, on whatever clock. */
export const requestTimeout = '1h'
const requestTimeoutMs = 3_600_000

export interface Block {
  readonly url: string
  readonly [key: string]: unknown
}

export interface ReceivedRequest {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** As it arrived: compressed, if the output compresses. */
  readonly body: Buffer
}

export interface ReceivedSample {
  /** In the text format, without job and instance: `load{part="a"}`. */
  readonly series: string
  readonly value: number
}

/** A kind of output under test: its entry, its line of the registry, and its code. */
export interface KindUnderTest extends ConformanceEntry {
  readonly registered: RegisteredKind
  readonly outputKind: OutputKind
  readonly isEvery: boolean
}

/** Throws where the registry does not have the kind. */
export async function underTest(entry: ConformanceEntry): Promise<KindUnderTest> {
  const registered = registry.find(({ kind }) => kind === entry.kind)
  if (registered === undefined) throw new Error(`${entry.kind}: not in src/output-kinds.ts`)
  const outputKind = await registered.load()
  return { ...entry, registered, outputKind, isEvery: outputKind.delivers === 'every' }
}

/** `accept` stores the samples; a status stores nothing; `hang` is no answer; `reject` is 400 if the metric is in the request. */
export type Answer = 'accept' | 401 | 500 | 'hang' | { readonly reject: string }

export interface ConformanceReceiver {
  readonly origin: string
  /** How it answers from the next request on; `accept` at first. */
  answer: Answer
  /** Requests that have arrived. */
  readonly requests: number
  /** Values of a metric that it has accepted, in the order of arrival. */
  values(metric: string): readonly number[]
  /** Values of a metric in all requests that it was sent, however it answered. */
  sent(metric: string): readonly number[]
  /** Every sample that it has accepted, in the order of arrival. */
  readonly accepted: readonly ReceivedSample[]
}

/** A receiver on loopback, which ends with the test. */
export async function startReceiver(
  t: TestContext,
  { samples, success }: ConformanceEntry,
): Promise<ConformanceReceiver> {
  const [all, accepted]: [ReceivedSample[], ReceivedSample[]] = [[], []]
  const valuesIn = (some: readonly ReceivedSample[], metric: string) =>
    some.filter(({ series }) => metricOf(series) === metric).map(({ value }) => value)
  const receiver = {
    origin: '',
    answer: 'accept' as Answer,
    requests: 0,
    accepted,
    values: (metric: string) => valuesIn(accepted, metric),
    sent: (metric: string) => valuesIn(all, metric),
  }
  const server = createServer(async (request, response) => {
    const { method = '', headers } = request
    const chunks = await request.toArray().catch(() => undefined)
    if (chunks === undefined) return // the output closed the connection
    const received = await samples({ method, headers, body: Buffer.concat(chunks) })
    receiver.requests++
    all.push(...received)
    const { answer } = receiver
    if (answer === 'hang') return
    const isRejected = typeof answer === 'object' && received.some(({ series }) => metricOf(series) === answer.reject)
    const status = typeof answer === 'number' ? answer : isRejected ? 400 : success
    if (status === success) accepted.push(...received)
    response.writeHead(status).end(status === success ? '' : `answer ${status} of the test`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  receiver.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return receiver
}

const metricOf = (series: string) => series.replace(/\{.*/s, '')

/** Other keys of a configuration file. */
type Shape = Readonly<Record<string, unknown>>

/** A file with these blocks of the kind. */
export function configFile(t: TestContext, { kind }: KindUnderTest, blocks: readonly object[], more: Shape = {}) {
  const file = join(temporary(t), 'config.json')
  const fixed = { job: 'node', instance: 'h', global: { scrape_interval: '20ms' }, web: { listen_address: [] } }
  writeFileSync(file, JSON.stringify({ ...fixed, [kind]: blocks, ...more }))
  return file
}

/** Reads a file as the agent does, with this kind alone. */
export const configOf = (file: string, { outputKind }: KindUnderTest, collectors: readonly Collector[] = []) =>
  readConfig({ flags: new Map([['config.file', file]]), environment: {}, collectors, outputKinds: [outputKind] })

/** A clock that runs a hundred times faster than the real one: backoffs of seconds are short. */
export const fastClock: Clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * 100,
  sleep: (ms, signal) => systemClock.sleep(ms / 100, signal),
  timer: (ms, ring) => systemClock.timer(ms / 100, ring),
}

/** A clock on which the deadline of a request never comes. */
export const withoutDeadlines = (clock: Clock): Clock => ({
  now: () => clock.now(),
  monotonicMs: () => clock.monotonicMs(),
  bootMs: () => clock.bootMs(),
  sleep: (ms, signal) => clock.sleep(ms, signal),
  timer: (ms, ring) => clock.timer(ms, ms < requestTimeoutMs ? ring : () => {}),
})

/** Makes snapshots of gauges with the label part="a", each later than the one before. */
export function snapshots() {
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'node', instance: 'h' }))
  const families = new Map<string, Family<'part'>>()
  let newestMs = systemClock.now() - 60_000
  return (values: Readonly<Record<string, number>>, atMs = (newestMs += 1000)): Snapshot => {
    builder.begin()
    for (const [name, value] of Object.entries(values)) {
      const family = families.get(name) ?? gauge(name, 'A gauge of a test.', ['part'])
      families.set(name, family)
      builder.add(family, value, { part: 'a' })
    }
    return builder.end(atMs)
  }
}

/** Does what the agent does with a snapshot. */
export function collectInto(buffer: HostpushBuffer, outputs: readonly Output[], snapshot: Snapshot): void {
  buffer.append(snapshot)
  for (const output of outputs) output.onSnapshot({ snapshot, parts: [] })
}

/** Waits until something that is under way has happened; throws after 20 s. `step` moves a test clock. */
export async function until(isTrue: () => boolean, step = () => sleep(5)): Promise<void> {
  for (const beganMs = systemClock.monotonicMs(); !isTrue(); await step())
    if (systemClock.monotonicMs() - beganMs > 20_000) throw new Error(`not within 20 s: ${isTrue}`)
}

/** Waits for something that has to end within 10 s. */
export async function soon<T>(work: Promise<T>): Promise<T> {
  const end = new AbortController()
  const late = sleep(10_000, undefined, { signal: end.signal }).then(() => Promise.reject(new Error('not within 10 s')))
  try {
    return await Promise.race([work, late])
  } finally {
    late.catch(() => {})
    end.abort()
  }
}

/** One sample of self metrics. */
export interface EmittedSample {
  readonly family: Family
  readonly value: number
  readonly labels: Labels
}

/** What something emits. */
export function emitted(families: (emit: Emit) => void): readonly EmittedSample[] {
  const samples: EmittedSample[] = []
  families(((family: Family, value: number | undefined, labels: Labels = {}) => {
    if (value !== undefined) samples.push({ family, value, labels })
  }) as Emit)
  return samples
}

/** The name and the labels of a sample, as one text. */
export const keyOf = ({ family, labels }: EmittedSample) =>
  `${family.name}${family.suffix}${JSON.stringify(Object.entries(labels).sort())}`

/** A connection without a network. Its receiver accepts, fails, or sends no answer. */
export function stubSender(success: number) {
  const controller = { abort() {}, pause() {}, resume() {} }
  const stub = {
    answer: 'accept' as 'accept' | 500 | 'hang',
    dispatched: 0,
    sender: {
      dispatch(_options, handler) {
        stub.dispatched++
        if (stub.answer === 'hang') return true
        const status = stub.answer === 'accept' ? success : stub.answer
        setImmediate(() => {
          const given = controller as unknown as Parameters<NonNullable<typeof handler.onRequestStart>>[0]
          handler.onRequestStart?.(given, {})
          handler.onResponseStart?.(given, status, {}, '')
          handler.onResponseEnd?.(given, {})
        })
        return true
      },
      close: async () => {},
      destroy: async () => {},
    } satisfies Sender as Sender,
  }
  return stub
}

/** A block for `origin` that has secrets in its URL. */
export function secretBlock({ block }: ConformanceEntry, origin: string): Block {
  const url = new URL(block(origin).url)
  Object.assign(url, { username: 'somebody', password: 'passw0rd' })
  url.searchParams.set('key', 't0ken')
  return { ...block(origin), url: url.href }
}

export const secrets = /passw0rd|t0ken/
