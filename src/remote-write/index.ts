import { takes } from '../buffer/sampling.ts'
import type { Cursor, Entry } from '../buffer/types.ts'
import type { Cycle } from '../collect/cycle.ts'
import { shownUrl } from '../http/auth/credentials.ts'
import { createRequester } from '../http/request.ts'
import type { About } from '../http/retry/error-log.ts'
import { Patience } from '../http/retry/interruptible-wait.ts'
import { Life } from '../http/retry/liveness-clock.ts'
import type { Sender } from '../http/transport/connection.ts'
import type { Output } from '../output.ts'
import { type Clock, within } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { Pace } from './backlog-pacing.ts'
import { Packer } from './encode/compression.ts'
import { familiesIn } from './encode/metadata.ts'
import type { EndpointOptions } from './options.ts'
import { Ranges } from './range-sender.ts'
import { Delivery } from './retry.ts'
import { Relabelling } from './series/relabel.ts'
import { type EndpointStats, noStats } from './stats.ts'
import { Protocol } from './version-negotiation.ts'

export type { EndpointOptions }

interface Needs {
  readonly clock: Clock
  readonly log: Log
  readonly cursor: Cursor
  readonly sender: Sender
  readonly userAgent: string
  /** Of the sender before this one, which go on. */
  readonly stats?: EndpointStats
  /** The receiver tells its own time, milliseconds since the epoch. */
  readonly onTime?: (receiverMs: number) => void
  /** The wall clock of this host has stepped since the start. */
  readonly hasStepped?: () => boolean
}

/** How long a stop waits for a sender that has nothing to do any more. */
const endMs = 1000

/** One remote-write endpoint: reads from its cursor, sends, moves the cursor on a final answer. */
export class Endpoint implements Output {
  readonly name: string
  readonly stats: EndpointStats
  /** Of the words that it was configured with. */
  readonly digest: string | undefined
  readonly #options: EndpointOptions
  readonly #needs: Needs
  readonly #about: About
  readonly #life: Life
  readonly #patience: Patience
  readonly #pace: Pace
  readonly #delivery: Delivery
  readonly #ranges: Ranges
  readonly #relabelling: Relabelling
  readonly #protocol: Protocol
  readonly #packer: Packer
  readonly #stopping = new AbortController()
  /** Ends when the sender is begun anew. */
  #turn = new AbortController()
  #running: Promise<void>
  /** A range has had its final answer. */
  #onProgress = () => {}
  #metadataAtMs = Number.NEGATIVE_INFINITY

  constructor(options: EndpointOptions, given: Needs) {
    this.name = options.name
    this.digest = options.digest
    this.stats = given.stats ?? noStats()
    this.#options = options
    this.#life = new Life(given.clock)
    const needs = { ...given, clock: this.#life }
    this.#needs = needs
    this.#about = { remote_name: options.name, url: shownUrl(options.url) }
    this.#patience = new Patience(needs.clock)
    this.#packer = new Packer(options.compression ?? 'snappy', needs.userAgent)
    this.#pace = new Pace(options.intervalMs, Math.random)
    const { clock, log } = needs
    this.#relabelling = new Relabelling(options, { log, stats: this.stats, about: this.#about })
    this.#protocol = new Protocol(
      { ...options, userAgent: needs.userAgent },
      { ...needs, about: this.#about, labels: (series) => this.#relabelling.labels(series) },
    )
    this.#delivery = new Delivery({
      requester: createRequester(options, needs.sender, clock),
      clock,
      log,
      patience: this.#patience,
      backoff: options.backoff,
      stats: this.stats,
      about: this.#about,
      pushPath: options.pushPath,
      onLimited: () => this.#pace.tooMuch(),
      onTime: (receiverMs) => needs.onTime?.(receiverMs),
      read: (outcome) => this.#protocol.read(outcome),
    })
    this.#ranges = new Ranges({
      ...needs,
      relabelling: this.#relabelling,
      delivery: this.#delivery,
      protocol: this.#protocol,
      packer: this.#packer,
      patience: this.#patience,
      pace: this.#pace,
      stats: this.stats,
      about: this.#about,
      ageLimitMs: options.ageLimitMs,
      hasStepped: () => needs.hasStepped?.() ?? false,
      maxSamples: options.maxSamplesPerSend,
    })
    this.#running = this.#run()
  }

  /** All that is told of this endpoint: to its metrics, the status page, the terminal. */
  get report() {
    const { maxSamplesPerSend, url } = this.#options
    return {
      name: this.name,
      url: shownUrl(url),
      stats: this.stats,
      maxSamplesPerSend,
      backlog: this.#needs.cursor.backlog(),
    }
  }

  /** Why nothing is delivered at the moment; undefined while all is well. */
  get trouble(): string | undefined {
    return this.#delivery.trouble ?? this.#ranges.trouble
  }

  /** What it was waiting for when it was stopped, or waits for now. */
  get waiting(): string | undefined {
    return this.#delivery.waiting
  }

  notify({ snapshot }: Cycle): void {
    if (!takes(this.#options.choice, snapshot)) return
    this.stats.highestTimestampMs = snapshot.timestampMs
    this.stats.load.collected(snapshot.timestampMs)
  }

  /** Samples that have no place in time. */
  lose(samples: number): void {
    this.#needs.cursor.drop('clock', samples)
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#patience.hurry()
    while (!deadline.aborted && this.#needs.cursor.backlog().snapshots > 0) {
      const progress = new Promise<void>((resolve) => {
        this.#onProgress = resolve
      })
      await Promise.race([progress, this.#needs.clock.sleep(10)])
    }
    this.#stopping.abort(new Error('the agent is stopping'))
    await within(this.#needs.clock, endMs, this.#running)
    await this.#needs.sender.destroy()
  }

  /** What waits for another attempt does not wait any longer. */
  readonly retry = () => this.#patience.retry()

  /** For how long it has been stuck with something to send, milliseconds. */
  stuckMs(): number {
    return this.#life.stuckMs(this.#needs.cursor.backlog().snapshots > 0)
  }

  /** Answers that it got. */
  get progress(): number {
    return this.stats.requests
  }

  /** Lets go of whatever it is stuck in and begins anew, over a new connection. */
  revive(): void {
    this.#turn.abort(new Error('the sender is begun anew'))
    this.#turn = new AbortController()
    this.#life.revive()
    this.#needs.sender.renew?.()
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, this.#turn.signal])
    const { cursor, clock, log } = this.#needs
    let left = cursor.flight // of the agent before this one
    while (!signal.aborted) {
      try {
        await this.#patience.yield(this.#untilNextMs(), signal)
        const entries = await cursor.read({ samples: this.#ranges.maxSamples }, signal)
        if (cursor.flight === undefined) left = undefined // nothing of it is there any more
        if (left === undefined) await this.#patience.yield(this.#mannersMs(entries), signal)
        const { durations, load } = this.stats
        const secondsBefore = durations.seconds
        await this.#ranges.send(entries, left, signal)
        load.sent(entries.length, (durations.seconds - secondsBefore) * 1000)
        left = undefined
        this.#onProgress()
        await this.#sendMetadata(entries, signal)
      } catch (error) {
        if (signal.aborted) return
        log.error('remote-write: a fault of our own', { ...this.#about, err: error })
        await clock.sleep(this.#options.backoff.maxMs, signal).catch(() => {}) // stopping ends the loop
      }
    }
  }

  /** Until the next multiple of `send_interval`. */
  #untilNextMs(): number {
    const { sendIntervalMs, offsetMs } = this.#options
    return sendIntervalMs === 0 ? 0 : sendIntervalMs - ((this.#needs.clock.now() - offsetMs) % sendIntervalMs)
  }

  /** What politeness asks before these are sent: this host's offset while live, the pace of a catch-up behind it. */
  #mannersMs(entries: readonly Entry[]): number {
    const { sendIntervalMs, offsetMs, pacing } = this.#options
    if (sendIntervalMs > 0) return 0
    const waiting = this.#needs.cursor.backlog().snapshots
    const paceMs = this.#pace.delayMs({ snapshots: waiting, atOnce: entries.length })
    if (waiting > 1) return pacing === 'on' ? paceMs : 0
    const collectedMs = entries.at(-1)?.snapshot.timestampMs ?? 0
    return Math.min(offsetMs, Math.max(0, collectedMs + offsetMs - this.#needs.clock.now()))
  }

  /** Type and help, now and then; one attempt, whatever it ends with. */
  async #sendMetadata(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    const { metadataIntervalMs } = this.#options
    const nowMs = this.#needs.clock.monotonicMs()
    const { encoder } = this.#protocol
    if (encoder.metadata === undefined) return
    if (metadataIntervalMs === 0 || nowMs - this.#metadataAtMs < metadataIntervalMs) return
    this.#metadataAtMs = nowMs
    const families = familiesIn(this.#relabelling.entries(entries))
    if (families.length === 0) return
    const { body, headers } = this.#packer.pack(encoder.metadata(families), encoder)
    const outcome = await this.#delivery.attempt(body, headers, signal)
    this.stats.metadata += families.length
    if (outcome.kind === 'delivered') this.stats.metadataBytes += body.length
    else this.stats.metadataFailed += families.length
  }
}
