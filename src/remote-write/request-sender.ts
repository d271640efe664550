import type { Outcome, ReceiverLabels } from '../http/index.ts'

import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import type { BacklogPacing } from './backlog-pacing.ts'
import type { Batch } from './encode/batch.ts'
import type { Compressor } from './encode/compression.ts'
import { messages } from './messages.ts'
import type { FinalAnswer, Retrier } from './retry.ts'
import type { EndpointStats } from './stats.ts'
import type { HttpRejection, VersionNegotiation } from './version-negotiation.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly receiver: ReceiverLabels
  readonly negotiation: VersionNegotiation
  readonly delivery: Retrier
  readonly compressor: Compressor
  readonly pacing: BacklogPacing
  readonly stats: EndpointStats
}

/** What a receiver finally said of so many samples. */
export type RequestResult = FinalAnswer & { readonly samples: number }

/** A refusal of some of them. */
export type PartialWrite = Extract<RequestResult, { readonly kind: 'rejected' }> & { readonly written: number }

/** A refusal with a count that can be believed: there are receivers that count before they look. */
export function isPartialWrite(sent: RequestResult): sent is PartialWrite {
  if (sent.kind !== 'rejected') return false
  const { written = 0 } = sent
  return written > 0 && written < sent.samples
}

/** Sends one batch after another, each as one request in the version that the receiver takes. */
export class RequestSender {
  readonly #deps: Deps

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** The final answer; `before` is done first, and nothing where there is nothing to send. */
  async send(batch: Batch, before: () => Promise<void>, signal: AbortSignal): Promise<RequestResult | 'nothing'> {
    const { delivery, negotiation, compressor } = this.#deps
    const { encoder, tries } = negotiation
    const { bytes, samples, metadata } = encoder.encode(batch)
    if (samples === 0) return 'nothing'
    const { body, headers } = compressor.pack(bytes, encoder)
    await before()
    const answer = await delivery.deliver({ body, headers, samples, tries }, signal)
    if (compressor.learn(answer)) {
      const again = await this.send(batch, before, signal)
      return again === 'nothing' || !answer.afterUncertain ? again : { ...again, afterUncertain: true }
    }
    const sent = { ...answer, samples }
    if (sent.kind === 'delivered' || isPartialWrite(sent)) this.#taken({ bytes: body.length, samples, metadata }, batch)
    return sent
  }

  /** One attempt. */
  async attempt(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    const { delivery, negotiation, compressor } = this.#deps
    const { encoder } = negotiation
    const { body, headers } = compressor.pack(encoder.encode(batch).bytes, encoder)
    return await delivery.attempt(body, headers, signal)
  }

  /** Another sample was answered like this: whether the receiver takes one as 1.0, and 2.0 no more. */
  isOlder(answer: HttpRejection, other: () => Batch, signal: AbortSignal): Promise<boolean> {
    const takes = async () => (await this.attempt(other(), signal)).kind === 'delivered'
    return this.#deps.negotiation.hasDowngraded(answer, takes)
  }

  /** The receiver fails at this one and takes another, twice. */
  async failsAlone(batch: Batch, other: () => Batch, signal: AbortSignal): Promise<boolean> {
    for (let i = 0; i < 2; i++) {
      const answer = await this.attempt(other(), signal)
      if (answer.kind !== 'delivered') {
        await this.isOlder(answer, other, signal)
        return false
      }
      const outcome = await this.attempt(batch, signal)
      if (outcome.kind === 'delivered' || (outcome.status ?? 0) < 500) return false
    }
    return true
  }

  #taken(
    { bytes, samples, metadata }: { readonly bytes: number; readonly samples: number; readonly metadata: number },
    { entries }: Batch,
  ): void {
    const { pacing, stats, clock, log, receiver } = this.#deps
    pacing.onDelivered()
    if (stats.samples === 0) report(log, messages.firstDelivery, { ...receiver, samples })
    stats.samples += samples
    stats.bytes += bytes
    stats.metadata += metadata
    stats.lastDeliveryMs = clock.now()
    const newest = entries.at(-1)
    if (newest !== undefined && newest.sequence > 0) stats.highestSentTimestampMs = newest.snapshot.timestampMs
  }
}
