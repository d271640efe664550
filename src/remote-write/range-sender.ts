import type { Cursor, DeliveryVerdict, Entry, InFlightRange } from '../buffer/index.ts'
import type { ReceiverLabels, Wait } from '../http/index.ts'

import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import type { BacklogPacing } from './backlog-pacing.ts'
import type { Batch } from './encode/batch.ts'
import type { Compressor } from './encode/compression.ts'
import { messages } from './messages.ts'
import {
  advance,
  areaOf,
  deserialize,
  firstEntrySeparately,
  type PendingSlices,
  retryLast,
  type Slice,
  serialize,
  wholeRange,
} from './rejection/bisect.ts'
import { BlameTracker } from './rejection/blame.ts'
import { isInVain, Range } from './rejection/range.ts'
import { Rejections } from './rejection/rejections.ts'
import { RejectableProbe, SearchBudget } from './rejection/search.ts'
import { isPartialWrite, type PartialWrite, type RequestResult, RequestSender } from './request-sender.ts'
import type { Retrier } from './retry.ts'
import type { Relabeller } from './series/relabel.ts'
import { StaleTracker } from './series/stale-tracker.ts'
import type { EndpointStats } from './stats.ts'
import type { VersionNegotiation } from './version-negotiation.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly cursor: Cursor
  readonly relabeller: Relabeller
  readonly delivery: Retrier
  readonly negotiation: VersionNegotiation
  readonly compressor: Compressor
  readonly wait: Wait
  readonly pacing: BacklogPacing
  readonly stats: EndpointStats
  readonly receiver: ReceiverLabels
  readonly ageLimitMs: number
  /** Whether the wall clock of this host has stepped since the start. */
  readonly hasStepped: () => boolean
  readonly maxSamples: number
}

/**
 * Why a range cannot continue. `stuck`: the receiver fails with 5xx. `range-rejected`: it rejects all of the range, but not
 * a test sample. `receiver-down`: it rejects everything.
 */
type Interruption = 'stuck' | 'range-rejected' | 'receiver-down'

/** Delay before the next attempt after a receiver has rejected everything. */
const pauseMs = 60_000

/** Sends ranges of snapshots. Each sample of a range ends as delivered or rejected. */
export class RangeSender {
  readonly #deps: Deps
  readonly #budget = new SearchBudget()
  readonly #requests: RequestSender
  readonly #rejections: Rejections
  readonly #probe = new RejectableProbe()
  readonly #staleTracker: StaleTracker
  /** Samples per request. Halved after HTTP 413. */
  #maxSamplesThatFit: number
  /** Sequence of the last entry with a final answer. */
  #committed = 0
  /** Snapshots up to this sequence are sent one by one, because the receiver fails at or rejects one of them. */
  #singlyUpTo = 0
  /** The previous snapshot was rejected as a whole. */
  #afterRejectedRange = false

  constructor(deps: Deps) {
    this.#deps = deps
    this.#staleTracker = new StaleTracker(deps)
    this.#requests = new RequestSender(deps)
    this.#rejections = new Rejections(deps)
    this.#maxSamplesThatFit = deps.maxSamples
  }

  get maxSamples(): number {
    return this.#committed < this.#singlyUpTo ? 1 : this.#maxSamplesThatFit
  }

  /** The current reason for rejections; undefined if the receiver accepts everything. */
  get problem(): string | undefined {
    return this.#rejections.problem
  }

  /**
   * Sends until each sample has a final answer, then moves the cursor past the entries. `inFlight` is the range that
   * the previous agent was sending; its progress is used if the entries are the same.
   */
  async send(read: readonly Entry[], inFlight: InFlightRange | undefined, signal: AbortSignal): Promise<void> {
    const { cursor, negotiation } = this.#deps
    const { entries, before } = await this.#staleTracker.previousSeries(read)
    const range = new Range(entries, before, await this.#rejections.excluded(entries))
    const { first, last } = range.bounds
    const whole = (uncertain: boolean) => wholeRange(entries.length, range.width, uncertain)
    const isUncertain = inFlight !== undefined || first <= cursor.uncertain
    const isSame = inFlight?.first === first && inFlight.last === last
    const fits = this.#maxSamplesThatFit
    let work = isSame ? deserialize(inFlight.note, range.view) : whole(isUncertain)
    const isLive = !isUncertain && cursor.backlog().snapshots === entries.length
    const isProbing = isLive && negotiation.shouldProbe
    negotiation.probeVersion(isProbing)
    if (isProbing) work = firstEntrySeparately(entries.length, range.width)
    let blame = new BlameTracker(isUncertain, this.#afterRejectedRange)
    if (areaOf(work) < areaOf(whole(true))) blame.accept() // the previous agent delivered some of it
    while (work.length > 0) {
      const after = await this.#sendNext(range, work, blame, signal)
      if (after === 'stuck') return await this.#onInterruption(range, signal)
      if (after === 'range-rejected') return await this.#onRangeRejected(range, blame)
      work = after === 'receiver-down' ? whole(blame.uncertain) : after
      if (after !== 'receiver-down') continue
      ;[blame, this.#maxSamplesThatFit] = [new BlameTracker(blame.uncertain, this.#afterRejectedRange), fits] // the size was not the cause
    }
    await this.#finish(entries.at(-1), 'delivered')
  }

  /** Sends the next slice of a range. Returns the slices that are pending after its answer. */
  async #sendNext(
    range: Range,
    work: PendingSlices,
    blame: BlameTracker,
    signal: AbortSignal,
  ): Promise<PendingSlices | Interruption> {
    const { cursor, negotiation } = this.#deps
    const slice = work.at(-1) as Slice // work is not empty
    const batch = range.cut(slice)
    if (isInVain(slice, batch)) return advance(work, 'rejected', false).pending
    const suspects = blame.suspects.map((one) => one.slice)
    const answer = await this.#onAnswer(batch, signal, async () => {
      await cursor.markInFlight({ ...range.bounds, note: serialize([...suspects, ...work], range.view) })
      if (blame.isSearching && slice.step === 'send') await this.#withinBudget(blame, signal)
    })
    if (answer === 'nothing') {
      negotiation.probeVersion(false)
      return advance(work, 'delivered', false).pending
    }
    if (await negotiation.learn(answer)) {
      blame.uncertain = true
      return retryLast(work)
    }
    if (answer.kind === 'stuck') return 'stuck'
    blame.uncertain ||= answer.afterUncertain
    if (answer.kind === 'rejected' && answer.status === 413) {
      this.#maxSamplesThatFit = Math.max(1, Math.floor(this.#maxSamplesThatFit / 2))
      const { pending: rest, offending } = advance(work, 'too large', answer.afterUncertain)
      for (const one of blame.tooLarge(offending, answer.reason)) await this.#rejections.series(range, one)
      return await this.#onBlame(range, rest, blame, signal)
    }
    if (isPartialWrite(answer)) {
      this.#onPartialWrite(slice, answer, batch)
      for (const one of blame.accept()) await this.#rejections.series(range, one)
      return advance(work, 'delivered', false).pending
    }
    this.#onSuspect(slice, answer, blame, batch)
    const after = advance(work, answer.kind, answer.afterUncertain)
    if (after.replayed !== undefined) this.#replayed(after.replayed.to - after.replayed.from)
    const offenders = answer.kind === 'delivered' ? blame.accept() : blame.reject(after.offending, answer.reason)
    for (const one of offenders) await this.#rejections.series(range, one)
    return answer.kind === 'delivered' ? after.pending : await this.#onBlame(range, after.pending, blame, signal)
  }

  /** Sends one batch and records that the receiver accepted it. `before` runs right before the request. */
  async #onAnswer(batch: Batch, signal: AbortSignal, before: () => Promise<void>): Promise<RequestResult | 'nothing'> {
    const sent = await this.#requests.send(batch, before, signal)
    const isProbe = batch.entries[0]?.sequence === 0
    if (sent === 'nothing' || isProbe) return sent
    if (sent.kind === 'delivered') this.#rejections.accepted(sent)
    if (sent.kind === 'delivered' || isPartialWrite(sent)) this.#afterRejectedRange = false
    return sent
  }

  /**
   * The receiver accepted the valid samples and reports their number, so nothing is sent again. If the range may have
   * arrived before, a count of at most the newest snapshot means that it had: a receiver accepts an exact duplicate of
   * the newest samples only.
   */
  #onPartialWrite({ uncertain }: Slice, sent: PartialWrite, { entries, stale }: Batch): void {
    const newest = (entries.at(-1)?.snapshot.values.length ?? 0) + stale.length
    const isUncertain = uncertain || sent.afterUncertain
    const hadArrived = isUncertain && entries.length > 1 && sent.written <= newest
    if (hadArrived) this.#replayed(entries.length)
    else this.#rejections.part(entries, sent.samples - sent.written, { reason: sent.reason, uncertain: isUncertain })
  }

  /** Once per range: checks if a second sender caused the rejection. A request that may be a repetition is ignored. */
  #onSuspect({ step, uncertain }: Slice, sent: RequestResult, blame: BlameTracker, { entries }: Batch): void {
    const isNew = step === 'last' || (step === 'send' && !uncertain && !sent.afterUncertain)
    if (isNew && sent.kind === 'rejected' && blame.suspect()) this.#rejections.suspect(entries, sent.reason)
  }

  /** After a rejection: finds out if the receiver accepts anything. Returns the slices that are pending. */
  async #onBlame(
    range: Range,
    work: PendingSlices,
    blame: BlameTracker,
    signal: AbortSignal,
  ): Promise<PendingSlices | Interruption> {
    const { wait } = this.#deps
    const isOver = work.length === 0
    if (blame.shouldProbe(isOver)) {
      const answer = await this.#onAnswer(this.#onOther(range), signal, async () => {})
      if (answer === 'nothing' || answer.kind !== 'delivered') {
        if (answer !== 'nothing' && (await this.#requests.hasDowngraded(answer, () => this.#onOther(range), signal)))
          return 'receiver-down' // the whole range again, in 1.0
        this.#rejections.everything(blame.reason, pauseMs)
        await wait.wait(pauseMs, signal)
        return 'receiver-down'
      }
      blame.onProbed()
    }
    return blame.rangeRejected(isOver) ? 'range-rejected' : work
  }

  /** Handles a range of which the receiver accepts nothing, although it accepts a test sample. Several snapshots are sent again one by one. */
  async #onRangeRejected({ entries, bounds }: Range, { reason }: BlameTracker): Promise<void> {
    const [entry] = entries
    if (entries.length > 1) this.#singlyUpTo = bounds.last
    if (entry === undefined || entries.length > 1) return
    const replayed = entry.sequence <= this.#deps.cursor.uncertain
    if (replayed) this.#replayed(1)
    else await this.#rejections.snapshot(entry, reason)
    this.#afterRejectedRange = true
    await this.#finish(entry, replayed ? 'delivered' : 'rejected')
  }

  /**
   * The receiver fails with 5xx at this range for half an hour. Several snapshots are read again one by one. A single
   * snapshot becomes a dead letter if the receiver twice fails at it and accepts a test sample. Later snapshots cannot
   * serve as the test: after them this one would be out of order.
   */
  async #onInterruption(range: Range, signal: AbortSignal): Promise<void> {
    const { entries, bounds } = range
    const [poison] = entries
    if (entries.length > 1) this.#singlyUpTo = bounds.last
    if (poison === undefined || entries.length > 1) return
    if (!(await this.#requests.failsAlone({ entries, stale: [] }, () => this.#onOther(range), signal))) return
    await this.#rejections.snapshot(poison, 'the receiver fails with HTTP 5xx for this snapshot and accepts others')
    await this.#finish(poison, 'rejected')
  }

  /** A test sample of a separate series. */
  #onOther({ entries }: Range): Batch {
    return this.#probe.next(entries[0]?.snapshot.series[0]?.identity ?? {}, this.#deps.clock.now())
  }

  /** Commits the cursor: all entries up to this one have a final answer. */
  async #finish(entry: Entry | undefined, verdict: DeliveryVerdict): Promise<void> {
    if (entry === undefined) return
    if (verdict === 'delivered') this.#staleTracker.delivered(entry)
    this.#committed = entry.sequence
    await this.#deps.cursor.commit(entry.sequence, verdict)
  }

  /** The receiver had accepted these snapshots; its response was lost. */
  #replayed(snapshots: number): void {
    const { stats, log, receiver } = this.#deps
    stats.replayed++
    report(log, messages.alreadyDelivered, { ...receiver, snapshots })
  }

  #withinBudget({ reason }: BlameTracker, signal: AbortSignal): Promise<void> {
    return this.#budget.wait(this.#deps, (waitMs) => this.#rejections.tooMany(reason, waitMs), signal)
  }
}
