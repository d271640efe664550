import { isUnsettled, type Outcome, type ReceiverLabels } from '../http/index.ts'

import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import type { Method, Pusher } from './delivery.ts'
import type { FamilyText } from './encode.ts'
import { messages } from './messages.ts'
import { FamilyRejections, type RejectedFamilies } from './refusals.ts'
import type { GatewayStats } from './stats.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly delivery: Pusher
  readonly stats: GatewayStats
  readonly receiver: ReceiverLabels
  readonly method: 'PUT' | 'POST'
}

/** Pushes what a gateway does not refuse of a snapshot's families: one conflict would keep all of them out. */
export class Push {
  readonly #deps: Deps
  readonly #rejections = new FamilyRejections()
  /** Of what had an answer last. */
  lastRejected: RejectedFamilies | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Which families are refused, and why; undefined where none is. */
  get rejected(): string | undefined {
    return this.#rejections.describe((reason) => this.#deps.delivery.problem.hintFor(reason))
  }

  async families(families: readonly FamilyText[], signal: AbortSignal): Promise<Outcome> {
    const { clock, log, delivery, receiver, method } = this.#deps
    const wanted = () => this.#rejections.without(families, clock.monotonicMs())
    const send = () => this.#send(method, wanted(), signal)
    let outcome = await send()
    if (outcome.kind === 'rejected' && outcome.status === 400) {
      const post = (some: readonly FamilyText[]) => delivery.send('POST', some, signal)
      outcome = (await this.#rejections.find(wanted(), post, clock.monotonicMs())) ?? (await send())
    }
    if (isUnsettled(outcome)) return outcome
    this.#rejections.log(log, receiver, (reason) => delivery.problem.hintFor(reason))
    const taken = outcome.kind === 'delivered' ? wanted() : []
    this.#count(families, taken)
    if (outcome.kind === 'rejected' && wanted().length > 0) this.lastRejected = { reason: outcome.reason }
    else this.lastRejected = this.#rejections.of(families)
    return outcome
  }

  /** An empty PUT would delete what the group has. */
  async #send(method: Method, families: readonly FamilyText[], signal: AbortSignal): Promise<Outcome> {
    if (families.length > 0 || this.#rejections.count === 0) return this.#deps.delivery.send(method, families, signal)
    return { kind: 'rejected', reason: 'all metric families are rejected', status: 400 }
  }

  #count(families: readonly FamilyText[], taken: readonly FamilyText[]): void {
    const { stats, clock, log, receiver } = this.#deps
    const samples = samplesIn(taken)
    if (stats.samples === 0 && samples > 0) report(log, messages.firstDelivery, { ...receiver, samples })
    stats.familiesRefused = this.#rejections.count
    stats.samples += samples
    stats.samplesRefused += samplesIn(families) - samples
    if (taken.length > 0) stats.lastPushMs = clock.now()
  }
}

const samplesIn = (families: readonly FamilyText[]) => families.reduce((sum, { samples }) => sum + samples, 0)
