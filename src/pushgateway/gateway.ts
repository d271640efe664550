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
import { rejectionOf } from './refusals.ts'
import { createStats, type GatewayState, type GatewayStats } from './stats.ts'

/** How the pushing of the newest snapshot ended; `off` where it is not wanted any more. */
type FinalAnswer = Exclude<Outcome, Unsettled> | { readonly kind: 'off' }

/** How long a stop waits, at its deadline, for one that lets go. */
const endMs = 1000

/** How much earlier than `interval` a snapshot may come: collections are not exact to the millisecond. */
const slack = 0.1

/**
 * One group at a Pushgateway. A gateway knows one value of a series and no time, so only the newest snapshot is ever
 * pushed: there is no backlog, and a failed push is tried again with what is newest by then.
 */
export class Gateway implements Output {
  readonly name: string
  readonly stats: GatewayStats = createStats()
  readonly #options: GatewayOptions
  readonly #deps: OutputDeps
  readonly #liveness: LivenessClock
  readonly #url: string
  readonly #wait: Wait
  readonly #delivery: Pusher
  readonly #encoder: Encoder
  readonly #push: Push
  readonly #stopping = new AbortController()
  /** Ends when the pushing is begun anew. */
  #epoch = new AbortController()
  #running: Promise<void>
  #isToDelete: boolean
  /** The newest snapshot, as long as the gateway has not answered to it. */
  #newest: Snapshot | undefined
  #inFlight: Snapshot | undefined
  /** The snapshot that was answered to last. */
  #answered: Snapshot | undefined
  /** Something new is there: a snapshot, or the end. */
  #notifier = Promise.withResolvers<void>()
  #isEnding = false

  constructor(options: GatewayOptions, given: OutputDeps) {
    this.name = options.name
    this.#options = options
    this.#isToDelete = options.deleteOnStart
    this.#liveness = new LivenessClock(given.clock)
    const deps = { ...given, clock: this.#liveness }
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

  /** What the self metrics show. */
  get state(): GatewayState {
    return { name: this.name, url: this.#url, stats: this.stats }
  }

  get report(): OutputReport {
    const { problem, waiting } = this.#delivery
    const pending = this.#newest === undefined ? 0 : 1
    return { name: this.name, url: this.#url, pending, problem: problem.current, waiting }
  }

  /** What it would not have of the snapshot that it answered to last; undefined where it took all. */
  get rejection(): OutputRejection | undefined {
    return this.#answered && rejectionOf(this.#answered, this.#push.lastRejected, this.#push.rejected)
  }

  /** A gateway gets no timestamps: every snapshot can be pushed. */
  dropUndated(): void {}

  onSnapshot({ snapshot }: Pick<CollectionResult, 'snapshot'>): void {
    if (this.#newest !== undefined && this.#newest !== this.#inFlight) this.stats.skipped++
    this.#newest = snapshot
    this.#notifier.resolve()
  }

  /** Pushes the newest snapshot or deletes the group, as was asked for. */
  async stop(deadline: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>()
    const late = () => {
      this.#stopping.abort(new Error('the agent is stopping'))
      over.resolve()
    }
    if (deadline.aborted) late()
    deadline.addEventListener('abort', late, { once: true })
    this.#isEnding = true
    this.#wait.hurry()
    this.#notifier.resolve()
    await Promise.race([this.#running, over.promise])
    await withTimeout(this.#deps.clock, endMs, this.#running)
    deadline.removeEventListener('abort', late)
    await this.#deps.sender.destroy()
  }

  /** What waits for another attempt does not wait any longer. */
  readonly retry = () => this.#wait.retry()

  /** For how long it has been stuck with something to push, milliseconds. */
  stalledMs(): number {
    return this.#liveness.stalledMs(this.#isDue)
  }

  /** Answers that it got. */
  get completed(): number {
    return [...this.stats.answers].reduce((sum, [status, count]) => (status === 0 ? sum : sum + count), 0)
  }

  /** Lets go of whatever it is stuck in and begins anew with what is newest, over a new connection. */
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

  /** Whether there is something to push now. */
  get #isDue(): boolean {
    if (this.#newest === undefined) return false
    if (this.#isEnding) return !this.#options.deleteOnShutdown
    const answeredMs = this.#answered?.timestampMs ?? Number.NEGATIVE_INFINITY
    return Math.abs(this.#newest.timestampMs - answeredMs) >= this.#options.intervalMs * (1 - slack)
  }

  async #pushNewest(signal: AbortSignal): Promise<void> {
    try {
      await this.#wait.yield(this.#pacingMs(), signal)
      const final = await this.#settled(() => this.#attempt(signal), signal)
      if (final.kind === 'delivered') this.#delivery.problem.clear()
      else if (final.kind === 'rejected') this.#delivery.problem.report(messages.pushRejected, final.reason)
    } catch (error) {
      if (signal.aborted) throw error
      this.#newest = undefined // it would fail for ever
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

  /** What politeness asks before the newest is pushed: this host's offset. */
  #pacingMs(): number {
    const { offsetMs } = this.#options
    return Math.min(offsetMs, Math.max(0, (this.#newest?.timestampMs ?? 0) + offsetMs - this.#deps.clock.now()))
  }

  /** One attempt with what is newest at this moment. */
  async #attempt(signal: AbortSignal): Promise<FinalAnswer | Unsettled> {
    const snapshot = this.#newest
    if (snapshot === undefined || !this.#isDue) return { kind: 'off' }
    this.#inFlight = snapshot
    const outcome = await this.#push.families(this.#encoder.encode(snapshot), signal)
    signal.throwIfAborted() // it has been begun anew meanwhile
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
