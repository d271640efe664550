import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Receiver } from '../../src/demo-receiver/receiver.ts'
import { createFaultyReceiver } from '../../test/support/faulty-receiver.ts'
import { Gate } from '../../test/support/gate.ts'
import type { Limits } from '../../test/support/mimir.ts'
import { eventually, type Owner, type Running, start } from '../../test/support/servers.ts'
import type { Target, Variant } from './receivers.ts'
import { type Comparison, collectedIn, compare, exportedIn, labelsOf, type Samples, storedIn } from './samples.ts'

export const intervalMs = 1000

const protobufMessages = { '1.0': 'prometheus.WriteRequest', '2.0': 'io.prometheus.write.v2.Request' } as const

/** Series that show the age of the newest sample: not all of them are refused in any row. */
const probes = ['node_load1', 'node_load15', 'node_memory_MemFree_bytes', 'node_time_seconds', 'node_intr_total', 'up']

export interface HostOptions {
  /** The command that runs hostpush, in parts. */
  readonly program: readonly string[]
  readonly target: Target
  readonly variant: Variant
  readonly tenant: string
  readonly externalLabels: Readonly<Record<string, string>>
}

/** The figures of one host in one row. */
export interface Figures extends Comparison {
  /** Age of the newest sample at the receiver: maximum while it was watched, and at the end. */
  readonly worstAgeMs: number
  readonly endAgeMs: number
  readonly backlogSnapshots: number
  /** Time of the oldest snapshot in the backlog; infinite if there is none. */
  readonly backlogMs: number
  readonly refused: ReadonlyMap<string, number> | undefined
  /** Numbers of requests by status. */
  readonly answers: ReadonlyMap<number, number>
}

/** A host with an agent that pushes through a gate, and also to a receiver that accepts everything and has a ledger. */
export class Host {
  readonly gate: Gate
  readonly variant: Variant
  readonly tenant: string
  readonly target: Target
  readonly #owner: Owner
  readonly #program: readonly string[]
  readonly #ledger: Receiver
  readonly #folder: string
  readonly #ages: number[] = []
  #agent: Running | undefined

  private constructor(owner: Owner, options: HostOptions, parts: { gate: Gate; ledger: Receiver; folder: string }) {
    this.#owner = owner
    this.#program = options.program
    this.variant = options.variant
    this.tenant = options.tenant
    this.target = options.target
    this.gate = parts.gate
    this.#ledger = parts.ledger
    this.#folder = parts.folder
    mkdirSync(join(this.#folder, 'text'))
    writeFileSync(this.#configFile, JSON.stringify(this.#config(options.externalLabels)))
  }

  static async create(owner: Owner, options: HostOptions): Promise<Host> {
    const folder = mkdtempSync(join(tmpdir(), 'hostpush-'))
    owner.after(() => rmSync(folder, { recursive: true, force: true }))
    const gate = await Gate.create(owner, () => options.target.writeUrl)
    const ledger = await createFaultyReceiver({ ledger: true })
    owner.after(() => ledger.close())
    return new Host(owner, options, { gate, ledger, folder })
  }

  get log(): string {
    return this.#agent?.output() ?? ''
  }

  /** Starts the agent. Resolves when it has collected. */
  async start(): Promise<void> {
    const [file = '', ...args] = this.#program
    this.#agent = start(this.#owner, file, [...args, 'run', `--config.file=${this.#configFile}`])
    try {
      await eventually(
        async () => this.#ledger.ledger.length,
        (samples) => samples > 0,
      )
    } catch (error) {
      throw new Error(`the agent delivers nothing:\n${this.log}`, { cause: error })
    }
  }

  /** Lets the agent read its configuration again. */
  reload(): void {
    this.#agent?.child.kill('SIGHUP')
  }

  limit(limits: Limits): Promise<void> {
    return this.target.limit(this.tenant, limits)
  }

  /** Writes a file for the textfile collector, which adds series. */
  writeText(text: string): void {
    const file = join(this.#folder, 'text', 'more.prom')
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }

  /** Reads the age of the newest sample at the receiver. A receiver that does not answer is asked again later. */
  async watch(): Promise<void> {
    const ageMs = await this.#ageMs().catch(() => undefined)
    if (ageMs !== undefined) this.#ages.push(ageMs)
  }

  /** The number of series that this host collects, and the length of their longest label value. */
  profile(): { readonly series: number; readonly longestLabel: number } {
    const series = [...collectedIn(this.#ledger.ledger, Number.POSITIVE_INFINITY).keys()]
    const lengths = series.flatMap((one) => [...labelsOf(one).values()].map((value) => Buffer.byteLength(value)))
    return { series: series.length, longestLabel: Math.max(...lengths) }
  }

  /** Compares the samples until a time. The default leaves out those of requests that may not have ended. */
  async figures(untilMs = Date.now() - 3 * intervalMs): Promise<Figures> {
    const endAgeMs = (await this.#ageMs().catch(() => undefined)) ?? Number.NaN
    const backlog = await this.#backlog() // first: a sample that leaves it later does not count as lost
    const stored = storedIn(await this.target.query(this.tenant, `{instance="${this.#instance}"}[15m]`))
    const comparison = compare({
      collected: collectedIn(this.#ledger.ledger, untilMs),
      stored,
      deadLetters: backlog.hasDeadLetters ? await this.#deadLetters() : new Map(),
      backlogMs: backlog.oldestMs,
      isExact: this.target.kind !== 'victoria-metrics',
    })
    return {
      ...comparison,
      ...{ endAgeMs, worstAgeMs: Math.max(endAgeMs, ...this.#ages), backlogSnapshots: backlog.snapshots },
      backlogMs: backlog.oldestMs,
      refused: await this.target.refused(this.tenant),
      answers: this.gate.answers,
    }
  }

  get #instance(): string {
    return this.tenant
  }

  get #configFile(): string {
    return join(this.#folder, 'config.json')
  }

  get #directory(): string {
    return join(this.#folder, 'buffer')
  }

  #config(externalLabels: HostOptions['externalLabels']) {
    const queue_config = { max_backoff: '5s' }
    const protobuf_message = protobufMessages[this.variant.version]
    const measured = { name: 'measured', url: `${this.gate.url}/`, ...this.target.endpoint(this.tenant) }
    return {
      instance: this.#instance,
      global: { scrape_interval: `${intervalMs}ms`, external_labels: externalLabels },
      remote_write: [
        { ...measured, protobuf_message, queue_config },
        { name: 'ledger', url: `${this.#ledger.url}/api/v1/write`, metadata_config: { send: false } },
      ],
      buffer: { directory: this.#directory },
      web: { listen_address: [] },
      collectors: { textfile: { directory: [join(this.#folder, 'text')] } },
    }
  }

  async #ageMs(): Promise<number> {
    const one = (name: string) =>
      `label_replace(timestamp(${name}{instance="${this.#instance}"}), "name", "${name}", "", "")`
    const [newest] = await this.target.query(this.tenant, `max(${probes.map(one).join(' or ')})`)
    return newest === undefined ? Number.POSITIVE_INFINITY : Date.now() - Number(newest.value[1]) * 1000
  }

  async #deadLetters(): Promise<Samples> {
    return exportedIn(await this.#buffer('export', '--dead-letters'))
  }

  async #backlog() {
    const { endpoints, dead_letters } = JSON.parse(await this.#buffer('ls')) as {
      endpoints: readonly { endpoint: string; snapshots: number; oldest: string | null }[]
      dead_letters: readonly unknown[]
    }
    const found = endpoints.find(({ endpoint }) => endpoint === 'measured')
    const oldestMs = found?.oldest ? Date.parse(found.oldest) : Number.POSITIVE_INFINITY
    return { snapshots: found?.snapshots ?? 0, oldestMs, hasDeadLetters: dead_letters.length > 0 }
  }

  /** The output of `hostpush buffer` as JSON. */
  async #buffer(...command: readonly string[]): Promise<string> {
    const [file = '', ...args] = this.#program
    const all = [...args, 'buffer', ...command, `--directory=${this.#directory}`, '--format=json']
    return (await promisify(execFile)(file, all, { maxBuffer: 2 ** 30 })).stdout
  }
}
