import type { CollectionResult } from '../collect/index.ts'
import {
  createRequester,
  isUnsettled,
  LivenessClock,
  type Outcome,
  redactedUrl,
  settle,
  type Unsettled,
  Wait,
} from '../http/index.ts'

import type { Snapshot } from '../metrics/index.ts'
import type { Output, OutputDeps, OutputRejection, OutputReport } from '../output.ts'
import { withTimeout } from '../util/clock.ts'
import { messageOf } from '../util/log.ts'
import { type Method, Pusher } from './delivery.ts'
import { Encoder } from './encode.ts'
import { groupUrl } from './group.ts'
import { messages } from './messages.ts'
import type { GatewayOptions } from './options.ts'
import { Push } from './push.ts'
import { rejectionOf } from './rejections.ts'
import { createStats, type GatewayState, type GatewayStats } from './stats.ts'

/** Final result of a push. `off`: there is no longer a snapshot to push. */
type FinalAnswer = Exclude<Outcome, Unsettled> | { readonly kind: 'off' }

/** How long a stop waits for the sender loop to return after its deadline. */
const endMs = 1000

/** Fraction of `interval` by which a snapshot may be early: collections are not exact to the millisecond. */
const slack = 0.1

/**
 * One group at a Pushgateway. A Pushgateway stores one value per series and no timestamps, so only the newest snapshot is
 * pushed. There is no backlog; a retry pushes the snapshot that is newest then.
 */
export class Gateway implements Output {
  readonly name: string
  readonly stats: GatewayStats
  readonly #options: GatewayOptions
  readonly #deps: OutputDeps
  readonly #liveness: LivenessClock
  readonly #url: string
  readonly #wait: Wait
  readonly #delivery: Pusher
  readonly #encoder: Encoder
  readonly #push: Push
  readonly #stopping = new AbortController()
  /** Aborted when the watchdog restarts the sender. */
  #epoch = new AbortController()
  #running: Promise<void>
  #isToDelete: boolean
  /** The newest snapshot; undefined after the final answer to it. */
  #newest: Snapshot | undefined
  #inFlight: Snapshot | undefined
  /** The last snapshot with a final answer. */
  #answered: Snapshot | undefined
  /** Resolves when there is a new snapshot or the output stops. */
  #notifier = Promise.withResolvers<void>()
  #isEnding = false

  constructor(options: GatewayOptions, outputDeps: OutputDeps) {
    const { previous } = outputDeps
    this.name = options.name
    this.stats = previous instanceof Gateway ? previous.stats : createStats()
    this.#options = options
    this.#isToDelete = options.deleteOnStart
    this.#liveness = new LivenessClock(outputDeps.clock)
    const deps = { ...outputDeps, clock: this.#liveness }
    this.#deps = deps
    const { clock, log, sender, userAgent } = deps
    const url = groupUrl(options.url, options.job, options.groupingKey)
    this.#url = redactedUrl(url)
    const receiver = { remote_name: options.name, url: this.#url }
    this.#wait = new Wait(clock)
    this.#encoder = new Encoder(options)
    const requester = (method: Method) => createRequester({ ...options, url, method }, sender, clock)
    this.#delivery = new Pusher({
      requesters: { PUT: requester('PUT'), POST: requester('POST'), DELETE: requester('DELETE') },
      clock,
      log,
      wait: this.#wait,
      backoff: options.backoff,
      stats: this.stats,
      userAgent,
      receiver,
      onTime: (receiverMs) => deps.onTime?.(receiverMs),
    })
    const { method } = options
    this.#push = new Push({ clock, log, delivery: this.#delivery, stats: this.stats, receiver, method })
    this.#running = this.#run()
  }

  /** Data for the self metrics. */
  get state(): GatewayState {
    return { name: this.name, url: this.#url, stats: this.stats }
  }

  get report(): OutputReport {
    const { problem, waiting } = this.#delivery
    const pending = this.#newest === undefined ? 0 : 1
    return { name: this.name, url: this.#url, pending, problem: problem.current, waiting }
  }

  /** The part of the last answered snapshot that the Pushgateway rejected; undefined if it accepted everything. */
  get rejection(): OutputRejection | undefined {
    return this.#answered && rejectionOf(this.#answered, this.#push.lastRejected, this.#push.rejected)
  }

  /** Does nothing: pushes have no timestamps, so every snapshot can be pushed. */
  dropUndated(): void {}

  onSnapshot({ snapshot }: Pick<CollectionResult, 'snapshot'>): void {
    if (this.#newest !== undefined && this.#newest !== this.#inFlight) this.stats.skipped++
    this.#newest = snapshot
    this.#notifier.resolve()
  }

  /** Pushes the newest snapshot, or deletes the group if `delete_on_shutdown` is set. */
  async stop(deadline: AbortSignal): Promise<void> {
    const expired = Promise.withResolvers<void>()
    const onDeadline = () => {
      this.#stopping.abort(new Error('the agent is stopping'))
      expired.resolve()
    }
    if (deadline.aborted) onDeadline()
    deadline.addEventListener('abort', onDeadline, { once: true })
    this.#isEnding = true
    this.#wait.hurry()
    this.#notifier.resolve()
    await Promise.race([this.#running, expired.promise])
    await withTimeout(this.#deps.clock, endMs, this.#running)
    deadline.removeEventListener('abort', onDeadline)
    await this.#deps.sender.destroy()
  }

  /** Ends the delay before the next attempt. */
  readonly retry = () => this.#wait.retry()

  /** How long the sender has made no progress although a push is due, milliseconds. */
  stalledMs(): number {
    return this.#liveness.stalledMs(this.#isDue)
  }

  /** Number of responses: grows while the sender works. */
  get completed(): number {
    return [...this.stats.answers].reduce((sum, [status, count]) => (status === 0 ? sum : sum + count), 0)
  }

  /** Aborts the sender loop and starts it again with the newest snapshot, over a new connection. */
  restart(): void {
    this.#epoch.abort(new Error('the sender is restarting'))
    this.#epoch = new AbortController()
    this.#liveness.restart()
    this.#deps.sender.renew?.()
    this.#notifier.resolve()
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, this.#epoch.signal])
    const { deleteOnShutdown } = this.#options
    try {
      if (this.#isToDelete) await this.#delete(signal)
      this.#isToDelete = false
      while (!this.#isEnding) {
        await this.#notifier.promise
        signal.throwIfAborted()
        this.#notifier = Promise.withResolvers()
        if (this.#isDue) await this.#pushNewest(signal)
      }
      if (this.#isDue) await this.#pushNewest(signal)
      if (deleteOnShutdown) await this.#delete(signal)
      this.#newest = undefined
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Whether a push is due now. */
  get #isDue(): boolean {
    if (this.#newest === undefined) return false
    if (this.#isEnding) return !this.#options.deleteOnShutdown
    const answeredMs = this.#answered?.timestampMs ?? Number.NEGATIVE_INFINITY
    return Math.abs(this.#newest.timestampMs - answeredMs) >= this.#options.intervalMs * (1 - slack)
  }

  async #pushNewest(signal: AbortSignal): Promise<void> {
    try {
      await this.#wait.yield(0, signal)
      const final = await this.#settled(() => this.#attempt(signal), signal)
      if (final.kind === 'delivered') this.#delivery.problem.clear()
      else if (final.kind === 'rejected') this.#delivery.problem.report(messages.pushRejected, final.reason)
    } catch (error) {
      if (signal.aborted) throw error
      this.#newest = undefined // the same snapshot would fail again
      this.#delivery.problem.report(messages.internalError, messageOf(error), { err: error })
    }
  }

  async #delete(signal: AbortSignal): Promise<void> {
    const final = await this.#settled(() => this.#delivery.send('DELETE', [], signal), signal)
    if (final.kind === 'delivered') this.#delivery.problem.clear()
    else if (final.kind === 'rejected') this.#delivery.problem.report(messages.deletionRejected, final.reason)
  }

  #settled(attempt: () => Promise<FinalAnswer | Unsettled>, signal: AbortSignal): Promise<FinalAnswer> {
    return settle<FinalAnswer>(attempt, (outcome, number) => this.#delivery.pause(outcome, number, signal), signal)
  }

  /** One attempt to push the newest snapshot. */
  async #attempt(signal: AbortSignal): Promise<FinalAnswer | Unsettled> {
    const snapshot = this.#newest
    if (snapshot === undefined || !this.#isDue) return { kind: 'off' }
    this.#inFlight = snapshot
    const outcome = await this.#push.families(this.#encoder.encode(snapshot), signal)
    signal.throwIfAborted() // the sender was restarted during the push
    this.#inFlight = undefined
    if (isUnsettled(outcome)) {
      if (this.#newest !== snapshot) this.stats.skipped++
      return outcome
    }
    this.#answered = snapshot
    if (this.#newest === snapshot) this.#newest = undefined
    return outcome
  }
}
