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
  /** Whether the receiver stored the good samples of a rejected request. */
  readonly hasStored: (answer: Extract<RequestResult, { readonly kind: 'rejected' }>) => boolean
}

/** Final answer to a request, with its number of samples. */
export type RequestResult = FinalAnswer & { readonly samples: number }

/** The receiver rejected some samples of a request and accepted the others. */
export type PartialWrite = Extract<RequestResult, { readonly kind: 'rejected' }> & { readonly written: number }

/** Some receivers count samples before they validate them: a count of 0 or of all samples is ignored. */
export function isPartialWrite(sent: RequestResult): sent is PartialWrite {
  if (sent.kind !== 'rejected') return false
  const { written = 0 } = sent
  return written > 0 && written < sent.samples
}

/** Sends each batch as one request, in the version that the receiver supports. */
export class RequestSender {
  readonly #deps: Deps

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Returns the final answer, or `nothing` for a batch without samples. `before` runs right before the request. */
  async send(batch: Batch, before: () => Promise<void>, signal: AbortSignal): Promise<RequestResult | 'nothing'> {
    const { delivery, negotiation, compressor } = this.#deps
    const { encoder, tries } = negotiation
    const { bytes, samples, metadata } = encoder.encode(batch)
    if (samples === 0) return 'nothing'
    const { body, headers } = compressor.pack(bytes, encoder)
    await before()
    const answer = await delivery.deliver({ body, headers, samples, tries }, signal)
    if (compressor.learn(answer)) {
      const second = await this.send(batch, before, signal)
      return second === 'nothing' || !answer.afterUncertain ? second : { ...second, afterUncertain: true }
    }
    const sent = { ...answer, samples }
    const isStored = sent.kind === 'rejected' && this.#deps.hasStored(sent)
    if (sent.kind === 'delivered' || isPartialWrite(sent) || isStored)
      this.#onAccepted({ bytes: body.length, samples, metadata }, batch)
    return sent
  }

  /** One attempt without retry. */
  async attempt(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    const { delivery, negotiation, compressor } = this.#deps
    const { encoder } = negotiation
    const { body, headers } = compressor.pack(encoder.encode(batch).bytes, encoder)
    return await delivery.attempt(body, headers, signal)
  }

  /** Whether the receiver accepts a test sample in 1.0 after it answered one in 2.0 with `answer`: it then no longer supports 2.0. */
  hasDowngraded(answer: HttpRejection, other: () => Batch, signal: AbortSignal): Promise<boolean> {
    const accepts = async () => (await this.attempt(other(), signal)).kind === 'delivered'
    return this.#deps.negotiation.hasDowngraded(answer, accepts)
  }

  #onAccepted(
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
