import type { Cursor, DeliveryVerdict, Entry, InFlightRange } from '../buffer/index.ts'
import type { Outcome, ReceiverLabels, Wait } from '../http/index.ts'

import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import type { AcceptanceModel } from './acceptance/acceptance.ts'
import { PartialRefusals } from './acceptance/partial-refusals.ts'
import { burstRule, type Refusal, refusalOf } from './acceptance/refusal.ts'
import type { BacklogPacing } from './backlog-pacing.ts'
import type { Batch } from './encode/batch.ts'
import type { Compressor } from './encode/compression.ts'
import { messages } from './messages.ts'
import { messageOf, tooLargeStatus } from './outcome.ts'
import {
  advance,
  areaOf,
  deserialize,
  firstEntrySeparately,
  fitted,
  type PendingSlices,
  retryLast,
  type Slice,
  serialize,
  splitByTime,
  wholeRange,
} from './rejection/bisect.ts'
import { BlameTracker } from './rejection/blame.ts'
import { Exclusions } from './rejection/exclusions.ts'
import { sampleOf } from './rejection/failure-search.ts'
import { LastingFailure } from './rejection/lasting-failure.ts'
import { isInVain, Range } from './rejection/range.ts'
import { Rejections } from './rejection/rejections.ts'
import { RejectableProbe, SearchBudget } from './rejection/search.ts'
import { pauseMs, SearchPause } from './rejection/search-pause.ts'
import { isPartialWrite, type PartialWrite, type RequestResult, RequestSender } from './request-sender.ts'
import type { RequestSize } from './request-size.ts'
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
  readonly acceptance: AcceptanceModel
  readonly size: RequestSize
  readonly compressor: Compressor
  readonly wait: Wait
  readonly pacing: BacklogPacing
  readonly stats: EndpointStats
  readonly receiver: ReceiverLabels
  readonly ageLimitMs: number
  /** Time between two snapshots. */
  readonly intervalMs: number
  /** Whether the wall clock of this host has stepped since the start. */
  readonly hasStepped: () => boolean
  /** Nothing follows the delivery: rejected series are named before it ends. */
  readonly isShortLived: boolean
}

/**
 * Why a range cannot continue. `stuck`: the receiver fails with 5xx. `range-rejected`: it rejects all of the range, but not
 * a test sample. `receiver-down`: it rejects everything. `accepted`: after a pause it accepts the whole range.
 */
type Interruption = 'stuck' | 'range-rejected' | 'receiver-down' | 'accepted'

type Rejection = Extract<RequestResult, { readonly kind: 'rejected' }>

/** Pause between two requests of a range, as a fraction of the interval, if the receiver limits the size of a burst. */
const burstPauseFraction = 0.1

/** Sends ranges of snapshots. Each sample of a range ends as delivered or rejected. */
export class RangeSender {
  readonly #deps: Deps
  readonly #budget = new SearchBudget()
  readonly #exclusions = new Exclusions()
  readonly #requests: RequestSender
  readonly #rejections: Rejections
  readonly #partial: PartialRefusals
  readonly #pause: SearchPause
  readonly #probe = new RejectableProbe()
  readonly #staleTracker: StaleTracker
  /** A sample of the request that the receiver accepted last. */
  #accepted: Batch | undefined
  /** Sequence of the last entry with a final answer. */
  #committed = 0
  /** Snapshots up to this sequence are sent one by one, because the receiver fails at or rejects one of them. */
  #singlyUpTo = 0
  /** Snapshots up to this sequence were rejected together before: a receiver may have stored a part of them. */
  #sentUpTo = 0
  /** They were rejected for their order. */
  #wereForOrder = false
  /** Samples per request at the start of the current range. */
  #fits = 1
  /** The previous snapshot was rejected as a whole for its time. */
  #afterRejectedRange = false

  constructor(deps: Deps) {
    this.#deps = deps
    const shared = { ...deps, exclusions: this.#exclusions, budget: this.#budget }
    this.#staleTracker = new StaleTracker(deps)
    this.#requests = new RequestSender({
      ...deps,
      hasStored: (answer) => deps.acceptance.hasStored(refusalOf(messageOf(answer)), answer.status),
    })
    this.#rejections = new Rejections(shared)
    this.#partial = new PartialRefusals(shared)
    this.#pause = new SearchPause({ ...shared, rejections: this.#rejections })
  }

  get maxSamples(): number {
    return this.#committed < this.#singlyUpTo ? 1 : this.#deps.size.samples
  }

  /** The current reason for rejections; undefined if the receiver accepts everything. */
  get problem(): string | undefined {
    return this.#rejections.problem ?? this.#partial.problem
  }

  /** The receiver limits the size of a burst, so requests are small and have pauses between them. */
  get isBurst(): boolean {
    return this.#deps.size.isBurst
  }

  /** Saves rejected samples that are only in memory. */
  saveDeadLetters(): Promise<void> {
    return this.#rejections.saveUnsent()
  }

  /** Ends every pause: what was rejected is sent again. */
  resume(): void {
    this.#budget.reset()
    this.#exclusions.clear()
    this.#partial.reset()
  }

  /** Rejected series of a partial receiver are not all named. */
  get isSearching(): boolean {
    return this.#partial.isSearching
  }

  /** Names rejected series of a partial receiver with requests that repeat the newest snapshot, until the signal aborts. */
  async nameRejectedSeries(signal: AbortSignal): Promise<void> {
    const request = (batch: Batch): Promise<Outcome> => this.#requests.attempt(batch, signal)
    while (!signal.aborted && this.#partial.isSearching) await this.#partial.search(request, signal)
  }

  /**
   * Sends until each sample has a final answer, then moves the cursor past the entries. `inFlight` is the range that
   * the previous agent was sending; its progress is used if the entries are the same.
   */
  async send(read: readonly Entry[], inFlight: InFlightRange | undefined, signal: AbortSignal): Promise<void> {
    const { cursor, negotiation, size } = this.#deps
    const { entries, before } = await this.#staleTracker.previousSeries(read)
    const range = new Range(entries, before, await this.#rejections.excluded(entries))
    const { first, last } = range.bounds
    const whole = (uncertain: boolean) => wholeRange(entries.length, range.width, uncertain)
    const isUncertain = inFlight !== undefined || first <= Math.max(cursor.uncertain, this.#sentUpTo)
    const isSame = inFlight?.first === first && inFlight.last === last
    this.#fits = size.samples
    let work = isSame ? deserialize(inFlight.note, range.view) : whole(isUncertain)
    const isLive = !isUncertain && cursor.backlog().snapshots === entries.length
    const isProbing = isLive && negotiation.shouldProbe
    negotiation.probeVersion(isProbing)
    negotiation.beginRange()
    if (isProbing) work = firstEntrySeparately(entries.length, range.width)
    let blame = new BlameTracker(isUncertain, this.#afterRejectedRange)
    if (areaOf(work) < areaOf(whole(true))) blame.accept() // the previous agent delivered some of it
    for (let count = 0; work.length > 0; count++) {
      if (count > 0 && size.isBurst) await this.#deps.wait.yield(this.#deps.intervalMs * burstPauseFraction, signal)
      work = fitted(work, range.width, size.samples)
      const after = await this.#sendNext(range, work, blame, signal)
      if (after === 'stuck') {
        work = await this.#onFailure(range, work, blame, signal)
        continue
      }
      if (after === 'range-rejected') return await this.#onRangeRejected(range, blame)
      if (after === 'accepted') break
      work = after === 'receiver-down' ? whole(blame.uncertain) : after
      if (after !== 'receiver-down') continue
      blame = new BlameTracker(blame.uncertain, this.#afterRejectedRange)
      await size.restore(this.#fits) // the size was not the cause
    }
    negotiation.endRange()
    if (this.#deps.isShortLived) await this.nameRejectedSeries(signal)
    await this.#finish(entries.at(-1), 'delivered')
  }

  /** Sends the next slice of a range. Returns the slices that are pending after its answer. */
  async #sendNext(
    range: Range,
    work: PendingSlices,
    blame: BlameTracker,
    signal: AbortSignal,
  ): Promise<PendingSlices | Interruption> {
    const { negotiation } = this.#deps
    const slice = work.at(-1) as Slice // work is not empty
    const batch = range.cut(slice)
    if (isInVain(slice, batch)) return advance(work, 'rejected', false).pending
    const mark = () => this.#markInFlight(range, work, blame)
    const isAccepted = async (all: Batch) => {
      const answer = await this.#onAnswer(all, signal, mark)
      return answer !== 'nothing' && answer.kind === 'delivered'
    }
    const isSearch = blame.isSearching && slice.step === 'send'
    if (isSearch && (await this.#pause.isAccepted(range, blame.reason, isAccepted, signal))) return 'accepted'
    const answer = await this.#onAnswer(batch, signal, mark)
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
    if (answer.kind === 'rejected') return await this.#onRejected({ range, work, slice, batch, answer, blame }, signal)
    this.#accepted = sampleOf(batch) ?? this.#accepted
    this.#partial.onAccepted(batch, range.isWhole(slice))
    const after = advance(work, 'delivered', answer.afterUncertain)
    if (after.replayed !== undefined) await this.#onReplayed(after.replayed, blame)
    for (const one of blame.accept()) await this.#rejections.series(range, one)
    return after.pending
  }

  async #onRejected(step: RejectedSlice, signal: AbortSignal): Promise<PendingSlices | Interruption> {
    const { range, work, slice, batch, answer, blame } = step
    const { acceptance, size } = this.#deps
    if (answer.status === tooLargeStatus) {
      await size.halve(answer.samples, refusalOf(messageOf(answer)).rule === burstRule)
      const { pending: rest, offending } = advance(work, 'too large', answer.afterUncertain)
      if (offending !== undefined) await size.restore(this.#fits) // one series is too large, not the request
      for (const one of blame.tooLarge(offending, answer.reason)) await this.#rejections.series(range, one)
      return await this.#onBlame(range, rest, blame, signal)
    }
    if (isPartialWrite(answer)) {
      this.#onPartialWrite(slice, answer, batch)
      for (const one of blame.accept()) await this.#rejections.series(range, one)
      return advance(work, 'delivered', false).pending
    }
    const refusal = refusalOf(messageOf(answer))
    if (acceptance.hasStored(refusal, answer.status)) return await this.#onStored(step, refusal)
    this.#onSuspect(slice, answer, blame, batch)
    const mayBeStored = blame.mayBeStored(refusal.cause)
    const after = advance(work, 'rejected', answer.afterUncertain || mayBeStored)
    const offenders = blame.reject(after.offending, answer.reason, refusal.cause)
    for (const one of offenders) await this.#rejections.series(range, one)
    return await this.#onBlame(range, after.pending, blame, signal)
  }

  /** The receiver stored the good samples of the request. Delivery goes on. */
  async #onStored(
    { range, work, slice, batch, answer, blame }: RejectedSlice,
    refusal: Refusal,
  ): Promise<PendingSlices> {
    await this.#deps.acceptance.onMessage(refusal)
    this.#afterRejectedRange = false
    for (const one of blame.accept()) await this.#rejections.series(range, one)
    const isUncertain = slice.uncertain || blame.uncertain || answer.afterUncertain || answer.afterFailure
    const times = new Set(batch.entries.map(({ snapshot }) => snapshot.timestampMs))
    if (refusal.dropsSeries && times.size > 1 && slice.step === 'send') return splitByTime(work)
    const { reason } = answer
    if (isUncertain && refusal.cause === 'order') this.#replayed(batch.entries.length)
    await this.#partial.onRefusal({ batch, refusal, reason, isUncertain })
    const isNew = !isUncertain && slice.step === 'send' && refusal.cause === 'order'
    if (isNew && blame.suspect()) this.#rejections.suspect(batch.entries, reason)
    if (slice.step === 'send' || slice.step === 'last') return advance(work, 'delivered', false).pending
    return [...work.slice(0, -1), { ...slice, step: 'send', uncertain: true }]
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

  async #markInFlight(range: Range, work: PendingSlices, blame: BlameTracker): Promise<void> {
    const suspects = blame.suspects.map((one) => one.slice)
    const note = serialize([...suspects, ...work], range.view)
    await this.#deps.cursor.markInFlight({ ...range.bounds, note })
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
  #onSuspect({ step, uncertain }: Slice, sent: Rejection, blame: BlameTracker, { entries }: Batch): void {
    const isRepetition = (entries[0]?.sequence ?? 0) <= this.#sentUpTo
    const isNew = !isRepetition && (step === 'last' || (step === 'send' && !uncertain && !sent.afterUncertain))
    if (isNew && blame.suspect()) this.#rejections.suspect(entries, sent.reason)
  }

  /** After a rejection: finds out if the receiver accepts anything. Returns the slices that are pending. */
  async #onBlame(
    range: Range,
    work: PendingSlices,
    blame: BlameTracker,
    signal: AbortSignal,
  ): Promise<PendingSlices | Interruption> {
    const isOver = work.length === 0
    if (blame.shouldProbe(isOver)) {
      const answer = await this.#onAnswer(this.#onOther(range), signal, async () => {})
      if (answer === 'nothing' || answer.kind !== 'delivered') {
        if (answer !== 'nothing' && (await this.#requests.hasDowngraded(answer, () => this.#onOther(range), signal)))
          return 'receiver-down' // the whole range again, in 1.0
        this.#rejections.everything(blame.reason, pauseMs)
        await this.#deps.wait.wait(pauseMs, signal)
        return 'receiver-down'
      }
      blame.onProbed()
      const isSingle = range.entries.length === 1
      if (isSingle && !isOver) return (await this.#acceptsSeries(range, blame, signal)) ? work : 'range-rejected'
    }
    return blame.rangeRejected(isOver) ? 'range-rejected' : work
  }

  /**
   * Whether the receiver accepts at least one of some single series of a snapshot. Most series may be bad: a few large parts
   * do not show that all are.
   */
  async #acceptsSeries(range: Range, blame: BlameTracker, signal: AbortSignal): Promise<boolean> {
    const { width } = range
    const count = Math.min(width, blame.spotChecks)
    for (let i = 0; i < count; i++) {
      const low = Math.floor(((i + 0.5) * width) / count)
      const part = { step: 'send', from: 0, to: 1, low, high: low + 1, uncertain: true } as const
      const answer = await this.#onAnswer(range.cut(part), signal, async () => {})
      if (answer === 'nothing' || answer.kind === 'rejected') continue
      if (answer.kind === 'stuck') return true // no verdict
      for (const one of blame.accept()) await this.#rejections.series(range, one)
      return true
    }
    return false
  }

  /**
   * Handles a range of which the receiver accepts nothing, although it accepts a test sample. Several snapshots are sent again
   * one by one.
   */
  async #onRangeRejected({ entries, bounds }: Range, blame: BlameTracker): Promise<void> {
    const [entry] = entries
    if (entries.length > 1) {
      this.#singlyUpTo = this.#sentUpTo = bounds.last
      this.#wereForOrder = blame.isForOrder
    }
    if (entry === undefined || entries.length > 1) return
    const isStored = entry.sequence <= this.#sentUpTo && blame.isForOrder && !this.#wereForOrder
    const replayed = entry.sequence <= this.#deps.cursor.uncertain || isStored
    if (replayed) this.#replayed(1)
    else await this.#rejections.snapshot(entry, blame.reason)
    this.#afterRejectedRange = blame.isForTime
    await this.#finish(entry, replayed ? 'delivered' : 'rejected')
  }

  /** The receiver fails with 5xx at the next slice for a long time. Returns what is pending when its cause is known. */
  async #onFailure(
    range: Range,
    work: PendingSlices,
    blame: BlameTracker,
    signal: AbortSignal,
  ): Promise<PendingSlices> {
    const mark = (pending: PendingSlices) => this.#markInFlight(range, pending, blame)
    const failure = new LastingFailure({ ...this.#deps, requests: this.#requests, rejections: this.#rejections }, range)
    const hasDowngraded = (probe: Outcome) =>
      probe.kind !== 'delivered' && this.#requests.hasDowngraded(probe, () => this.#onOther(range), signal)
    const { pending, accepted } = await failure.resolve(work, this.#accepted, { mark, hasDowngraded, signal })
    this.#accepted = accepted
    return pending
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

  /** A slice had arrived. If no response was lost, the receiver had stored it although it rejected the request. */
  async #onReplayed({ from, to }: Slice, blame: BlameTracker): Promise<void> {
    this.#replayed(to - from)
    if (!blame.uncertain) await this.#deps.acceptance.onStoredPart(blame.reason)
  }

  /** The receiver had accepted these snapshots; its response was lost. */
  #replayed(snapshots: number): void {
    const { stats, log, receiver } = this.#deps
    stats.replayed++
    report(log, messages.alreadyDelivered, { ...receiver, snapshots })
  }
}

/** A slice that the receiver rejected. */
interface RejectedSlice {
  readonly range: Range
  readonly work: PendingSlices
  readonly slice: Slice
  readonly batch: Batch
  readonly answer: Rejection
  readonly blame: BlameTracker
}
