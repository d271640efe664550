import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { DiskBuffer } from '../../src/buffer/disk-buffer.ts'
import { DeadLetters } from '../../src/buffer/log/dead-letters.ts'
import type { Cursor } from '../../src/buffer/types.ts'
import { Ingest } from '../../src/collect/ingest.ts'
import { SampleClock } from '../../src/collect/sample-clock.ts'
import { createDecoder, type Decode } from '../../src/demo-receiver/decode.ts'
import { seriesKey } from '../../src/demo-receiver/labels.ts'
import { gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { labelsOf } from '../../src/remote-write/encode/labels.ts'
import type { ProtobufMessage } from '../../src/remote-write/encode/protobuf-message.ts'
import { Endpoint } from '../../src/remote-write/endpoint.ts'
import type { EndpointOptions } from '../../src/remote-write/index.ts'
import type { EndpointStats } from '../../src/remote-write/stats.ts'
import { endpointOptions } from '../remote-write/options.ts'
import { openLog, recordingLog } from '../support/buffer.ts'
import { settled, TestClock } from '../support/clock.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'
import { type Rules, ScriptedReceiver } from './scripted.ts'

export const intervalMs = 15_000
const beginMs = 1_780_000_000_000
const value = gauge('fault_value', 'The number of the interval.', ['part'])

interface Setting {
  /** Wall clock of the host at the start. */
  readonly wallMs: number
  readonly message: ProtobufMessage
  readonly isBrief?: boolean
  /** Default: those of Prometheus. */
  readonly rules?: Rules
  readonly options?: Partial<EndpointOptions>
}

/**
 * An endpoint with a log on a simulated disk, a receiver with Prometheus's rules, and a test clock. It uses no
 * processes and no sockets, so hours of test time are fast.
 */
export class Scene {
  /** Configured protocol version, from the next start on. */
  message: ProtobufMessage
  /** Options of the endpoint, from the next start on. */
  options: Partial<EndpointOptions>
  readonly #isBrief: boolean
  readonly clock: TestClock
  readonly lines: string[]
  readonly #log: ReturnType<typeof recordingLog>['log']
  readonly receiver: ScriptedReceiver
  #builder = newBuilder()
  readonly collected: number[] = []
  parts: readonly string[]
  url = 'http://receiver/api/v1/write'
  #disk = new SimulatedDisk()
  #buffer: DiskBuffer | undefined
  #endpoint: Endpoint | undefined
  #cursor: Cursor | undefined
  #timeline: SampleClock | undefined
  #intake: Ingest | undefined
  /** Dropped samples of killed agents, and samples out of order after a clock step. */
  readonly #dropped = new Map<string, number>()
  #number = 0
  /** The snapshot of each interval. */
  readonly #partsOf: (readonly string[])[] = []

  static async open(t: TestContext, series = 40, setting: Partial<Setting> = {}): Promise<Scene> {
    const scene = new Scene(
      series,
      { wallMs: beginMs, message: 'prometheus.WriteRequest', ...setting },
      await createDecoder(),
    )
    await scene.start()
    t.after(() => scene.kill())
    return scene
  }

  private constructor(
    series: number,
    { wallMs, message, isBrief = false, rules, options = {} }: Setting,
    decode: Decode,
  ) {
    this.message = message
    this.#isBrief = isBrief
    this.options = options
    this.clock = new TestClock(wallMs)
    const { lines, log } = recordingLog()
    this.lines = lines
    this.#log = log
    const now = () => ({ trueMs: this.trueMs, monotonicMs: this.clock.monotonicMs() })
    this.receiver = new ScriptedReceiver(decode, now, rules)
    this.parts = Array.from({ length: series }, (_, i) => String(i))
  }

  async start(): Promise<void> {
    const { clock } = this
    this.#builder = newBuilder() // a new process has new series objects
    this.#buffer = await openLog(this.#disk, {}, { clock: this.clock, log: this.#log })
    this.#cursor = this.#buffer.cursor('default')
    const sampleClock = new SampleClock(clock, this.#log)
    this.#timeline = sampleClock
    const onDrop = (samples: number) => this.#count('clock', samples)
    this.#intake = new Ingest(this.#buffer, sampleClock, { clock, log: this.#log, onDrop })
    this.#endpoint = new Endpoint(
      endpointOptions(this.url, {
        timeoutMs: 30_000,
        backoff: { minMs: 1000, maxMs: 60_000 },
        maxSamplesPerSend: 20 * this.parts.length,
        protobufMessage: this.message,
        ...this.options,
      }),
      {
        clock: this.clock,
        log: this.#log,
        cursor: this.#cursor,
        lifetime: this.#isBrief ? 'moment' : 'agent',
        sender: this.receiver.sender(),
        userAgent: 'faults/1',
        onTime: (receiverMs) => sampleClock.confirm(receiverMs),
      },
    )
  }

  /** kill -9: written data stays, memory is lost. */
  async kill(): Promise<void> {
    const endpoint = this.#endpoint
    for (const [reason, samples] of this.#buffer?.stats.dropped.get('default') ?? []) this.#count(reason, samples)
    this.#endpoint = undefined
    const after = this.#disk.afterKill()
    await endpoint?.stop(AbortSignal.abort())
    await this.#buffer?.close()
    this.#disk = after
  }

  /** A reload or SIGHUP. */
  reload(): void {
    this.#endpoint?.retry()
  }

  /** Samples in dead letters, as `series timestamp`, each once. */
  async deadLetters(): Promise<ReadonlySet<string>> {
    await this.#endpoint?.saveDeadLetters()
    const letters = new DeadLetters('/b/dead-letters', {
      files: this.#disk,
      clock: this.clock,
      log: this.#log,
      stats: this.#buffer?.stats ?? assert.fail('no agent runs'),
    })
    const samples = new Set<string>()
    for await (const { entries } of letters.read())
      for (const { snapshot } of entries)
        for (const series of snapshot.series) samples.add(`${seriesKey(labelsOf(series))} ${snapshot.timestampMs}`)
    return samples
  }

  /** Age of the newest sample at the receiver, in intervals. */
  get ageIntervals(): number {
    const newestMs = this.receiver.ledger.reduce((newest, { timestampMs }) => Math.max(newest, timestampMs), 0)
    return (this.trueMs - newestMs) / intervalMs
  }

  get stats(): EndpointStats {
    return this.#endpoint?.stats ?? assert.fail('no agent runs')
  }

  /** Removes the cursor file between two agents. */
  loseCursors(): void {
    this.#disk.names.delete('/b/cursors')
  }

  /** Passes a number of intervals, with a snapshot at the start of each. */
  async intervals(count: number, parts: readonly string[] = this.parts): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.collect(parts)
      await this.#rest()
      await this.clock.pass(intervalMs)
    }
  }

  /** Waits until nothing more is sent at the current time. */
  async #rest(): Promise<void> {
    for (let before = -1; before < this.receiver.requests.length; ) {
      before = this.receiver.requests.length
      await settled()
    }
  }

  collect(parts: readonly string[] = this.parts): void {
    this.#builder.begin()
    const number = ++this.#number
    this.#partsOf.push(parts)
    for (const part of parts) this.#builder.add(value, number, { part })
    const timestampMs = this.#intake?.startCycle() ?? 0
    this.#intake?.add({ snapshot: this.#builder.end(timestampMs) })
    this.collected.push(this.trueMs)
  }

  get backlog(): number {
    return this.#cursor?.backlog().snapshots ?? 0
  }

  get problem(): string | undefined {
    return this.#endpoint?.report.problem
  }

  /** The acceptance in force, and the reason. */
  get acceptance(): string {
    const { is, why } = this.#endpoint?.acceptance ?? assert.fail('no agent runs')
    return `${is}: ${why}`
  }

  /** Samples that were counted as dropped, by reason. */
  get dropped(): Readonly<Record<string, number>> {
    const all = new Map(this.#dropped)
    for (const [reason, samples] of this.#buffer?.stats.dropped.get('default') ?? [])
      all.set(reason, (all.get(reason) ?? 0) + samples)
    return Object.fromEntries(all)
  }

  /** The correct time, which the receiver has. */
  get trueMs(): number {
    return Math.round(beginMs + this.clock.monotonicMs())
  }

  /** Collected samples that never arrived, as `part@interval`; intervals start at 0. */
  missing(): readonly string[] {
    const arrived = new Set(
      this.receiver.ledger.flatMap(({ series, value, stale }) => (stale ? [] : [`${series} ${value}`])),
    )
    return this.#partsOf.flatMap((parts, i) =>
      parts.flatMap((part) => (arrived.has(`${keyOf(part)} ${i + 1}`) ? [] : [`${part}@${i}`])),
    )
  }

  /** Maximum difference between the timestamps of arrived samples and the time of their collection, in milliseconds. */
  get astrayMs(): number {
    return this.receiver.ledger
      .filter(({ stale, series }) => !stale && series.startsWith('fault_value'))
      .reduce(
        (most, { value, timestampMs }) => Math.max(most, Math.abs(timestampMs - (this.collected[value - 1] ?? 0))),
        0,
      )
  }

  /** Number of detected steps of the wall clock. */
  get steps(): number {
    return this.#timeline?.stats.steps ?? 0
  }

  get state() {
    return { missing: this.missing().length, dropped: this.dropped, backlog: this.backlog }
  }

  #count(reason: string, samples: number): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + samples)
  }
}

const newBuilder = () => new SnapshotBuilder(new SeriesTable({ job: 'faults', instance: 'one' }))

export const keyOf = (part: string): string => `fault_value{instance="one",job="faults",part="${part}"}`
