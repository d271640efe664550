import { type Cursor, type Entry, includes } from '../buffer/index.ts'

import type { CollectionResult } from '../collect/index.ts'
import { createRequester, LivenessClock, type ReceiverLabels, redactedUrl, Wait } from '../http/index.ts'

import type { Output, OutputDeps, OutputReport } from '../output.ts'
import { withTimeout } from '../util/clock.ts'
import { report } from '../util/log.ts'
import { AcceptanceModel, type AcceptanceVerdict } from './acceptance/acceptance.ts'
import { BacklogPacing } from './backlog-pacing.ts'
import { Compressor } from './encode/compression.ts'
import { familiesIn } from './encode/encoder.ts'
import { EndpointMemo } from './memo.ts'
import { messages } from './messages.ts'
import type { EndpointOptions } from './options.ts'
import { RangeSender } from './range-sender.ts'
import { RequestSize } from './request-size.ts'
import { Retrier } from './retry.ts'
import { Relabeller } from './series/relabel.ts'
import { createStats, type EndpointState, type EndpointStats } from './stats.ts'
import { VersionNegotiation } from './version-negotiation.ts'

/** How long a stop waits for the sender loop to return after it was aborted. */
const endMs = 1000

/** One remote-write endpoint: reads from its cursor, sends, and moves the cursor after the final answer of the receiver. */
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
  readonly #acceptance: AcceptanceModel
  readonly #stopping = new AbortController()
  /** Aborted when the watchdog restarts the sender. */
  #epoch = new AbortController()
  #running: Promise<void>
  /** Called after each range with a final answer. */
  #onProgress = () => {}
  #metadataAtMs = Number.NEGATIVE_INFINITY
  /** Duration of the last range, with the pauses between its requests. */
  #sendingMs = 0

  constructor(options: EndpointOptions, outputDeps: OutputDeps) {
    const { cursor, previous } = outputDeps
    if (cursor === undefined) throw new Error('remote-write endpoint opened without a cursor')
    this.name = options.name
    this.stats = previous instanceof Endpoint ? previous.stats : createStats()
    this.#options = options
    this.#liveness = new LivenessClock(outputDeps.clock)
    const deps = { ...outputDeps, cursor, clock: this.#liveness }
    this.#deps = deps
    this.#labels = { remote_name: options.name, url: redactedUrl(options.url) }
    this.#wait = new Wait(deps.clock)
    this.#compressor = new Compressor(options.compression ?? 'snappy', deps.userAgent)
    this.#pacing = new BacklogPacing(options.intervalMs, Math.random)
    const { clock, log } = deps
    const memo = new EndpointMemo(cursor, options.url)
    this.#acceptance = new AcceptanceModel(options, memo)
    this.#relabel = new Relabeller(options, { log, stats: this.stats, receiver: this.#labels })
    this.#negotiation = new VersionNegotiation(
      { ...options, isShortLived: deps.lifetime === 'moment', userAgent: deps.userAgent },
      { ...deps, memo, receiver: this.#labels, labels: (series) => this.#relabel.labels(series) },
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
      acceptance: this.#acceptance,
      size: new RequestSize(options.maxSamplesPerSend, memo, clock),
      compressor: this.#compressor,
      wait: this.#wait,
      pacing: this.#pacing,
      stats: this.stats,
      receiver: this.#labels,
      ageLimitMs: options.ageLimitMs,
      intervalMs: options.intervalMs,
      hasStepped: () => deps.hasStepped?.() ?? false,
      isShortLived: deps.lifetime === 'moment',
    })
    this.#running = this.#run()
  }

  /** Saves rejected samples that are only in memory. */
  saveDeadLetters(): Promise<void> {
    return this.#ranges.saveDeadLetters()
  }

  /** Data for the self metrics. */
  get state(): EndpointState {
    const { maxSamplesPerSend } = this.#options
    return { ...this.#identity, stats: this.stats, maxSamplesPerSend, backlog: this.#deps.cursor.backlog() }
  }

  /** What the receiver does with the good samples of a request that it rejects. */
  get acceptance(): AcceptanceVerdict {
    return this.#acceptance.current
  }

  get report(): OutputReport {
    const pending = this.#deps.cursor.backlog().snapshots
    const problem = this.#delivery.problem ?? this.#ranges.problem
    const { is, why } = this.acceptance
    return { ...this.#identity, pending, problem, waiting: this.#delivery.waiting, acceptance: `${is} (${why})` }
  }

  get #identity() {
    return { name: this.name, url: this.#labels.url }
  }

  onSnapshot({ snapshot }: CollectionResult): void {
    if (!includes(this.#options.sampling, snapshot)) return
    this.stats.highestTimestampMs = snapshot.timestampMs
    this.stats.load.collected(snapshot.timestampMs)
  }

  /** Counts samples dropped because their time is unknown. */
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
    await withTimeout(
      this.#deps.clock,
      endMs,
      this.#running.then(() => this.saveDeadLetters()),
    )
    await this.#deps.sender.destroy()
  }

  /** Ends the delay before the next attempt, and every pause. */
  readonly retry = () => {
    this.#ranges.resume()
    this.#wait.retry()
  }

  /** How long the sender has made no progress although it has a backlog, milliseconds. */
  stalledMs(): number {
    return this.#liveness.stalledMs(this.#deps.cursor.backlog().snapshots > 0)
  }

  /** Number of answers of the receiver. A request that ends without an answer does not count as progress. */
  get completed(): number {
    const { requests, answers } = this.stats
    return requests - (answers.get(0) ?? 0)
  }

  /** Aborts the sender loop and starts it again over a new connection. */
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
    let replay = cursor.inFlight // range that the previous agent was sending
    while (!signal.aborted) {
      try {
        await this.#whileIdle(this.#wait.yield(this.#untilNextMs(), signal), signal)
        const entries = await this.#whileIdle(cursor.read({ samples: this.#ranges.maxSamples }, signal), signal)
        if (cursor.inFlight === undefined) replay = undefined // the range is no longer in the buffer
        if (replay === undefined) await this.#wait.yield(this.#pacingMs(entries), signal)
        const { durations, load } = this.stats
        const secondsBefore = durations.seconds
        const startMs = clock.monotonicMs()
        await this.#ranges.send(entries, replay, signal)
        this.#sendingMs = clock.monotonicMs() - startMs
        load.sent(entries.length, (durations.seconds - secondsBefore) * 1000)
        replay = undefined
        this.#onProgress()
        await this.#sendMetadata(entries, signal)
      } catch (error) {
        if (signal.aborted) return
        report(log, messages.internalError, { ...this.#labels, err: error })
        await clock.sleep(this.#options.backoff.maxMs, signal).catch(() => {}) // stopping ends the loop
      }
    }
  }

  /** Names rejected series while a promise is pending. */
  async #whileIdle<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
    if (!this.#ranges.isSearching) return await pending
    const over = new AbortController()
    const end = () => over.abort(new Error('the next snapshot is ready'))
    pending.then(end, end)
    await this.#ranges.nameRejectedSeries(AbortSignal.any([signal, over.signal]))
    return await pending
  }

  /** Time to the next multiple of `send_interval`, milliseconds. */
  #untilNextMs(): number {
    const { sendIntervalMs, offsetMs } = this.#options
    return sendIntervalMs === 0 ? 0 : sendIntervalMs - ((this.#deps.clock.now() - offsetMs) % sendIntervalMs)
  }

  /** Delay before these entries are sent, milliseconds: backlog pacing when behind. */
  #pacingMs(entries: readonly Entry[]): number {
    const { sendIntervalMs, pacing } = this.#options
    if (sendIntervalMs > 0) return 0
    const { snapshots } = this.#deps.cursor.backlog()
    const paceMs = this.#pacing.delayMs({ snapshots, atOnce: entries.length })
    // a snapshot that is sent in parts has its own pauses
    const pausedMs = this.#ranges.isBurst ? this.#sendingMs : 0
    return snapshots > 1 && pacing === 'on' ? Math.max(0, paceMs - pausedMs) : 0
  }

  /** Sends type and help of all families every `metadata_config.send_interval`. A failure is counted and not retried. */
  async #sendMetadata(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    const { metadataIntervalMs } = this.#options
    if ((this.#deps.lifetime ?? 'agent') !== 'agent') return // a batch command must not wait for it
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
