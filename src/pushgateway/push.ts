import { isUnsettled, type Outcome, type ReceiverLabels } from '../http/index.ts'

import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import type { Method, Pusher } from './delivery.ts'
import type { FamilyText } from './encode.ts'
import { messages } from './messages.ts'
import { FamilyRejections, type RejectedFamilies } from './rejections.ts'
import type { GatewayStats } from './stats.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly delivery: Pusher
  readonly stats: GatewayStats
  readonly receiver: ReceiverLabels
  readonly method: 'PUT' | 'POST'
}

/** Pushes the families of a snapshot without those that the Pushgateway rejects: one conflict makes it reject all. */
export class Push {
  readonly #deps: Deps
  readonly #rejections = new FamilyRejections()
  /** Rejected families of the last answered push. */
  lastRejected: RejectedFamilies | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Rejected families and the reason; undefined if there are none. */
  get rejected(): string | undefined {
    return this.#rejections.describe((reason) => this.#deps.delivery.problem.hintFor(reason))
  }

  async families(families: readonly FamilyText[], signal: AbortSignal): Promise<Outcome> {
    const { clock, log, delivery, receiver, method } = this.#deps
    const accepted = () => this.#rejections.without(families, clock.monotonicMs())
    const send = () => this.#send(method, accepted(), signal)
    let outcome = await send()
    if (outcome.kind === 'rejected' && outcome.status === 400) {
      const post = (some: readonly FamilyText[]) => delivery.send('POST', some, signal)
      outcome = (await this.#rejections.find(accepted(), post, clock.monotonicMs())) ?? (await send())
    }
    if (isUnsettled(outcome)) return outcome
    this.#rejections.log(log, receiver, (reason) => delivery.problem.hintFor(reason))
    const delivered = outcome.kind === 'delivered' ? accepted() : []
    this.#count(families, delivered)
    if (outcome.kind === 'rejected' && accepted().length > 0) this.lastRejected = { reason: outcome.reason }
    else this.lastRejected = this.#rejections.of(families)
    return outcome
  }

  /** Sends nothing if all families are rejected: an empty PUT would delete the metrics of the group. */
  async #send(method: Method, families: readonly FamilyText[], signal: AbortSignal): Promise<Outcome> {
    if (families.length > 0 || this.#rejections.count === 0) return this.#deps.delivery.send(method, families, signal)
    return { kind: 'rejected', reason: 'all metric families are rejected', status: 400 }
  }

  #count(families: readonly FamilyText[], delivered: readonly FamilyText[]): void {
    const { stats, clock, log, receiver } = this.#deps
    const samples = samplesIn(delivered)
    if (stats.samples === 0 && samples > 0) report(log, messages.firstDelivery, { ...receiver, samples })
    stats.familiesRejected = this.#rejections.count
    stats.samples += samples
    stats.samplesRejected += samplesIn(families) - samples
    if (delivered.length > 0) stats.lastPushMs = clock.now()
  }
}

const samplesIn = (families: readonly FamilyText[]) => families.reduce((sum, { samples }) => sum + samples, 0)
