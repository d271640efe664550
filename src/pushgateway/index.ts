import type { Clock } from '../clock.ts'
import type { Cycle } from '../cycle.ts'
import type { Backoff } from '../http/backoff.ts'
import type { Access, Sender } from '../http/connection.ts'
import { shownUrl } from '../http/credentials.ts'
import type { Outcome } from '../http/outcome.ts'
import { Patience } from '../http/patience.ts'
import { createRequester, type Target } from '../http/request.ts'
import { isUnsettled, settle, type Unsettled } from '../http/settle.ts'
import type { About } from '../http/trouble.ts'
import type { Log } from '../log.ts'
import type { Labels } from '../metrics/family.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import type { Output } from '../output.ts'
import { Delivery, type Method } from './delivery.ts'
import { Encoder, type FamilyText } from './encode.ts'
import { groupUrl } from './group.ts'
import { Refusals } from './refusals.ts'
import { type GatewayStats, noStats } from './stats.ts'

/** `url` is the gateway's, with its route prefix if it has one. */
export interface GatewayOptions extends Target {
  readonly name: string
  /** The same for two that were configured with the same words. */
  readonly digest?: string
  /** How it is reached, beyond its URL. */
  readonly access?: Access
  readonly job: string
  /** The labels that make the group, beside `job`. */
  readonly groupingKey: Labels
  /** PUT replaces all that the group has; POST replaces families of the same name. */
  readonly method: 'PUT' | 'POST'
  readonly backoff: Backoff
  /** Snapshots wait for the next multiple of it, and the newest is pushed; 0 pushes each. */
  readonly intervalMs: number
  /** This host's place within an interval. */
  readonly offsetMs: number
  readonly deleteOnStart: boolean
  readonly deleteOnShutdown: boolean
}

interface Needs {
  readonly clock: Clock
  readonly log: Log
  readonly sender: Sender
  readonly userAgent: string
  /** The gateway tells its own time, milliseconds since the epoch. */
  readonly onTime?: (receiverMs: number) => void
}

/** How the pushing of the newest snapshot ended; `off` where it is not wanted any more. */
type Final = Exclude<Outcome, Unsettled> | { readonly kind: 'off' }

/** How much earlier than `interval` a snapshot may come: collections are not exact to the millisecond. */
const slack = 0.1

/**
 * One group at a Pushgateway. A gateway knows one value of a series and no time, so only the newest snapshot is ever
 * pushed: there is no backlog, and a failed push is tried again with what is newest by then.
 */
export class Gateway implements Output {
  readonly name: string
  readonly stats: GatewayStats = noStats()
  /** Of the words that it was configured with. */
  readonly digest: string | undefined
  readonly #options: GatewayOptions
  readonly #needs: Needs
  readonly #url: string
  readonly #about: About
  readonly #patience: Patience
  readonly #delivery: Delivery
  readonly #encoder: Encoder
  readonly #refusals = new Refusals()
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  /** The newest snapshot, as long as the gateway has not answered to it. */
  #newest: Snapshot | undefined
  #inFlight: Snapshot | undefined
  /** The time of the snapshot that was answered to last. */
  #answeredMs = Number.NEGATIVE_INFINITY
  /** Something new is there: a snapshot, or the end. */
  #news = Promise.withResolvers<void>()
  #isEnding = false

  constructor(options: GatewayOptions, needs: Needs) {
    this.name = options.name
    this.digest = options.digest
    this.#options = options
    this.#needs = needs
    const { clock, log, sender, userAgent } = needs
    const url = groupUrl(options.url, options.job, options.groupingKey)
    this.#url = shownUrl(url)
    this.#about = { remote_name: options.name, url: this.#url }
    this.#patience = new Patience(clock)
    this.#encoder = new Encoder(options.groupingKey)
    const requester = (method: Method) => createRequester({ ...options, url, method }, sender, clock)
    this.#delivery = new Delivery({
      requesters: { PUT: requester('PUT'), POST: requester('POST'), DELETE: requester('DELETE') },
      clock,
      log,
      patience: this.#patience,
      backoff: options.backoff,
      stats: this.stats,
      userAgent,
      about: this.#about,
      onTime: (receiverMs) => needs.onTime?.(receiverMs),
    })
    this.#running = this.#run()
  }

  /** All that is told of this gateway: to its metrics, the status page, the terminal. */
  get report() {
    return { name: this.name, url: this.#url, stats: this.stats, pending: this.#newest === undefined ? 0 : 1 }
  }

  /** Why nothing is delivered at the moment; undefined while all is well. */
  get trouble(): string | undefined {
    return this.#delivery.trouble.told
  }

  notify({ snapshot }: Pick<Cycle, 'snapshot'>): void {
    if (this.#newest !== undefined && this.#newest !== this.#inFlight) this.stats.skipped++
    this.#newest = snapshot
    this.#news.resolve()
  }

  /** Pushes the newest snapshot or deletes the group, as was asked for. */
  async stop(deadline: AbortSignal): Promise<void> {
    const late = () => this.#stopping.abort(new Error('the agent is stopping'))
    if (deadline.aborted) late()
    deadline.addEventListener('abort', late, { once: true })
    this.#isEnding = true
    this.#patience.hurry()
    this.#news.resolve()
    await this.#running
    deadline.removeEventListener('abort', late)
    await this.#needs.sender.destroy()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { deleteOnStart, deleteOnShutdown } = this.#options
    try {
      if (deleteOnStart) await this.#delete(signal)
      while (!this.#isEnding) {
        await this.#news.promise
        this.#news = Promise.withResolvers()
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
    return Math.abs(this.#newest.timestampMs - this.#answeredMs) >= this.#options.intervalMs * (1 - slack)
  }

  async #pushNewest(signal: AbortSignal): Promise<void> {
    try {
      await this.#patience.yield(this.#mannersMs(), signal)
      const final = await this.#settled(() => this.#attempt(signal), signal)
      if (final.kind === 'delivered') this.#delivery.trouble.well()
      else if (final.kind === 'rejected') this.#delivery.trouble.ill('error', 'refused', final.reason)
    } catch (error) {
      if (signal.aborted) throw error
      this.#newest = undefined // it would fail for ever
      this.#needs.log.error('pushgateway: a fault of our own', { ...this.#about, err: error })
    }
  }

  async #delete(signal: AbortSignal): Promise<void> {
    const final = await this.#settled(() => this.#delivery.send('DELETE', [], signal), signal)
    if (final.kind === 'delivered') this.#delivery.trouble.well()
    else if (final.kind === 'rejected') this.#delivery.trouble.ill('error', 'not deleted', final.reason)
  }

  #settled(attempt: () => Promise<Final | Unsettled>, signal: AbortSignal): Promise<Final> {
    return settle<Final>(attempt, (outcome, number) => this.#delivery.pause(outcome, number, signal), signal)
  }

  /** What politeness asks before the newest is pushed: this host's offset. */
  #mannersMs(): number {
    const { offsetMs } = this.#options
    return Math.min(offsetMs, Math.max(0, (this.#newest?.timestampMs ?? 0) + offsetMs - this.#needs.clock.now()))
  }

  /** One attempt with what is newest at this moment. */
  async #attempt(signal: AbortSignal): Promise<Final | Unsettled> {
    const snapshot = this.#newest
    if (snapshot === undefined || !this.#isDue) return { kind: 'off' }
    this.#inFlight = snapshot
    const outcome = await this.#push(this.#encoder.encode(snapshot), signal)
    this.#inFlight = undefined
    if (isUnsettled(outcome)) {
      if (this.#newest !== snapshot) this.stats.skipped++
      return outcome
    }
    this.#answeredMs = snapshot.timestampMs
    if (this.#newest === snapshot) this.#newest = undefined
    return outcome
  }

  /** Pushes what the gateway does not refuse of these families: one conflict would keep all of them out. */
  async #push(families: readonly FamilyText[], signal: AbortSignal): Promise<Outcome> {
    const { clock, log } = this.#needs
    const wanted = () => this.#refusals.without(families, clock.monotonicMs())
    const send = () => this.#send(this.#options.method, wanted(), signal)
    let outcome = await send()
    if (outcome.kind === 'rejected' && outcome.status === 400) {
      const post = (some: readonly FamilyText[]) => this.#delivery.send('POST', some, signal)
      outcome = (await this.#refusals.find(wanted(), post, clock.monotonicMs())) ?? (await send())
    }
    if (isUnsettled(outcome)) return outcome
    this.#refusals.tell(log, this.#about, (reason) => this.#delivery.trouble.hintFor(reason))
    this.#count(families, outcome.kind === 'delivered' ? wanted() : [])
    return outcome
  }

  /** An empty PUT would delete what the group has. */
  async #send(method: Method, families: readonly FamilyText[], signal: AbortSignal): Promise<Outcome> {
    if (families.length > 0 || this.#refusals.count === 0) return this.#delivery.send(method, families, signal)
    return { kind: 'rejected', reason: 'every family is refused', status: 400 }
  }

  #count(families: readonly FamilyText[], taken: readonly FamilyText[]): void {
    const { stats } = this
    stats.familiesRefused = this.#refusals.count
    stats.samples += samplesIn(taken)
    stats.samplesRefused += samplesIn(families) - samplesIn(taken)
    if (taken.length > 0) stats.lastPushMs = this.#needs.clock.now()
  }
}

const samplesIn = (families: readonly FamilyText[]) => families.reduce((sum, { samples }) => sum + samples, 0)
