import { type Cursor, type Entry, includes } from '../buffer/index.ts'

import type { CollectionResult } from '../collect/index.ts'
import { createRequester, LivenessClock, type ReceiverLabels, redactedUrl, Wait } from '../http/index.ts'

import type { Output, OutputDeps, OutputReport } from '../output.ts'
import { withTimeout } from '../util/clock.ts'
import { report } from '../util/log.ts'
import { BacklogPacing } from './backlog-pacing.ts'
import { Compressor } from './encode/compression.ts'
import { familiesIn } from './encode/encoder.ts'
import { messages } from './messages.ts'
import type { EndpointOptions } from './options.ts'
import { RangeSender } from './range-sender.ts'
import { Retrier } from './retry.ts'
import { Relabeller } from './series/relabel.ts'
import { createStats, type EndpointState, type EndpointStats } from './stats.ts'
import { VersionNegotiation } from './version-negotiation.ts'

/** How long a stop waits for a sender that has nothing to do any more. */
const endMs = 1000

/** One remote-write endpoint: reads from its cursor, sends, moves the cursor on a final answer. */
export class Endpoint implements Output {
  readonly name: string
  readonly stats: EndpointStats
  readonly #options: EndpointOptions
  readonly #deps: OutputDeps & { readonly cursor: Cursor }
  readonly #labels: ReceiverLabels
  readonly #liveness: LivenessClock
  readonly #wait: Wait
  readonly #pacing: BacklogPacing
  readonly #delivery: Retrier
  readonly #ranges: RangeSender
  readonly #relabel: Relabeller
  readonly #negotiation: VersionNegotiation
  readonly #compressor: Compressor
  readonly #stopping = new AbortController()
  /** Ends when the sender is begun anew. */
  #epoch = new AbortController()
  #running: Promise<void>
  /** A range has had its final answer. */
  #onProgress = () => {}
  #metadataAtMs = Number.NEGATIVE_INFINITY

  constructor(options: EndpointOptions, given: OutputDeps) {
    const { cursor, previous } = given
    if (cursor === undefined) throw new Error('remote-write endpoint opened without a cursor')
    this.name = options.name
    this.stats = previous instanceof Endpoint ? previous.stats : createStats()
    this.#options = options
    this.#liveness = new LivenessClock(given.clock)
    const deps = { ...given, cursor, clock: this.#liveness }
    this.#deps = deps
    this.#labels = { remote_name: options.name, url: redactedUrl(options.url) }
    this.#wait = new Wait(deps.clock)
    this.#compressor = new Compressor(options.compression ?? 'snappy', deps.userAgent)
    this.#pacing = new BacklogPacing(options.intervalMs, Math.random)
    const { clock, log } = deps
    this.#relabel = new Relabeller(options, { log, stats: this.stats, receiver: this.#labels })
    this.#negotiation = new VersionNegotiation(
      { ...options, isShortLived: deps.lifetime === 'moment', userAgent: deps.userAgent },
      { ...deps, receiver: this.#labels, labels: (series) => this.#relabel.labels(series) },
    )
    this.#delivery = new Retrier({
      requester: createRequester(options, deps.sender, clock),
      clock,
      log,
      wait: this.#wait,
      backoff: options.backoff,
      stats: this.stats,
      receiver: this.#labels,
      pushPath: options.pushPath,
      onLimited: () => this.#pacing.onRateLimited(),
      onTime: (receiverMs) => deps.onTime?.(receiverMs),
      read: (outcome) => this.#negotiation.read(outcome),
    })
    this.#ranges = new RangeSender({
      ...deps,
      relabeller: this.#relabel,
      delivery: this.#delivery,
      negotiation: this.#negotiation,
      compressor: this.#compressor,
      wait: this.#wait,
      pacing: this.#pacing,
      stats: this.stats,
      receiver: this.#labels,
      ageLimitMs: options.ageLimitMs,
      hasStepped: () => deps.hasStepped?.() ?? false,
      maxSamples: options.maxSamplesPerSend,
    })
    this.#running = this.#run()
  }

  /** What the self metrics show. */
  get state(): EndpointState {
    const { maxSamplesPerSend } = this.#options
    return { ...this.#identity, stats: this.stats, maxSamplesPerSend, backlog: this.#deps.cursor.backlog() }
  }

  get report(): OutputReport {
    const pending = this.#deps.cursor.backlog().snapshots
    const problem = this.#delivery.problem ?? this.#ranges.problem
    return { ...this.#identity, pending, problem, waiting: this.#delivery.waiting }
  }

  get #identity() {
    return { name: this.name, url: this.#labels.url }
  }

  onSnapshot({ snapshot }: CollectionResult): void {
    if (!includes(this.#options.sampling, snapshot)) return
    this.stats.highestTimestampMs = snapshot.timestampMs
    this.stats.load.collected(snapshot.timestampMs)
  }

  /** Samples that have no place in time. */
  dropUndated(samples: number): void {
    this.#deps.cursor.drop('clock', samples)
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#wait.hurry()
    while (!deadline.aborted && this.#deps.cursor.backlog().snapshots > 0) {
      const completed = new Promise<void>((resolve) => {
        this.#onProgress = resolve
      })
      await Promise.race([completed, this.#deps.clock.sleep(10)])
    }
    this.#stopping.abort(new Error('the agent is stopping'))
    await withTimeout(this.#deps.clock, endMs, this.#running)
    await this.#deps.sender.destroy()
  }

  /** What waits for another attempt does not wait any longer. */
  readonly retry = () => this.#wait.retry()

  /** For how long it has been stuck with something to send, milliseconds. */
  stalledMs(): number {
    return this.#liveness.stalledMs(this.#deps.cursor.backlog().snapshots > 0)
  }

  /** Answers that it got. */
  get completed(): number {
    return this.stats.requests
  }

  /** Lets go of whatever it is stuck in and begins anew, over a new connection. */
  restart(): void {
    this.#epoch.abort(new Error('the sender is restarting'))
    this.#epoch = new AbortController()
    this.#liveness.restart()
    this.#deps.sender.renew?.()
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, this.#epoch.signal])
    const { cursor, clock, log } = this.#deps
    let left = cursor.inFlight // of the agent before this one
    while (!signal.aborted) {
      try {
        await this.#wait.yield(this.#untilNextMs(), signal)
        const entries = await cursor.read({ samples: this.#ranges.maxSamples }, signal)
        if (cursor.inFlight === undefined) left = undefined // nothing of it is there any more
        if (left === undefined) await this.#wait.yield(this.#pacingMs(entries), signal)
        const { durations, load } = this.stats
        const secondsBefore = durations.seconds
        await this.#ranges.send(entries, left, signal)
        load.sent(entries.length, (durations.seconds - secondsBefore) * 1000)
        left = undefined
        this.#onProgress()
        await this.#sendMetadata(entries, signal)
      } catch (error) {
        if (signal.aborted) return
        report(log, messages.internalError, { ...this.#labels, err: error })
        await clock.sleep(this.#options.backoff.maxMs, signal).catch(() => {}) // stopping ends the loop
      }
    }
  }

  /** Until the next multiple of `send_interval`. */
  #untilNextMs(): number {
    const { sendIntervalMs, offsetMs } = this.#options
    return sendIntervalMs === 0 ? 0 : sendIntervalMs - ((this.#deps.clock.now() - offsetMs) % sendIntervalMs)
  }

  /** What politeness asks before these are sent: this host's offset while live, the pace of a catch-up behind it. */
  #pacingMs(entries: readonly Entry[]): number {
    const { sendIntervalMs, offsetMs, pacing } = this.#options
    if (sendIntervalMs > 0) return 0
    const waiting = this.#deps.cursor.backlog().snapshots
    const paceMs = this.#pacing.delayMs({ snapshots: waiting, atOnce: entries.length })
    if (waiting > 1) return pacing === 'on' ? paceMs : 0
    const collectedMs = entries.at(-1)?.snapshot.timestampMs ?? 0
    return Math.min(offsetMs, Math.max(0, collectedMs + offsetMs - this.#deps.clock.now()))
  }

  /** Type and help, now and then; one attempt, whatever it ends with. */
  async #sendMetadata(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    const { metadataIntervalMs } = this.#options
    if ((this.#deps.lifetime ?? 'agent') !== 'agent') return // a command would be cut off in it, or waited for
    const nowMs = this.#deps.clock.monotonicMs()
    const { encoder } = this.#negotiation
    if (encoder.metadata === undefined) return
    if (metadataIntervalMs === 0 || nowMs - this.#metadataAtMs < metadataIntervalMs) return
    this.#metadataAtMs = nowMs
    const families = familiesIn(this.#relabel.entries(entries))
    if (families.length === 0) return
    const { body, headers } = this.#compressor.pack(encoder.metadata(families), encoder)
    const outcome = await this.#delivery.attempt(body, headers, signal)
    this.stats.metadata += families.length
    if (outcome.kind === 'delivered') this.stats.metadataBytes += body.length
    else this.stats.metadataFailed += families.length
  }
}
