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
  /** The wall clock of this host has stepped since the start. */
  readonly hasStepped: () => boolean
  readonly maxSamples: number
}

/** How a range cannot go on: the receiver fails at it, refuses all of it, refuses everything. */
type Interruption = 'stuck' | 'whole' | 'held'

/** A receiver that refuses everything is asked again after this. */
const heldMs = 60_000

/** Takes one range of snapshots after another to its final answer, whatever the receiver makes of it. */
export class RangeSender {
  readonly #deps: Deps
  readonly #budget = new SearchBudget()
  readonly #requests: RequestSender
  readonly #rejections: Rejections
  readonly #probe = new RejectableProbe()
  readonly #staleTracker: StaleTracker
  /** What a request may hold; halved when a receiver finds a body too large. */
  #maxSamplesThatFit: number
  /** The last number that has had its final answer. */
  #moved = 0
  /** Up to this number snapshots go one by one: the receiver fails at one of them, or refuses some as a whole. */
  #singlyUpTo = 0
  /** The snapshot before was refused as a whole. */
  #afterWhole = false

  constructor(deps: Deps) {
    this.#deps = deps
    this.#staleTracker = new StaleTracker(deps)
    this.#requests = new RequestSender(deps)
    this.#rejections = new Rejections(deps)
    this.#maxSamplesThatFit = deps.maxSamples
  }

  get maxSamples(): number {
    return this.#moved < this.#singlyUpTo ? 1 : this.#maxSamplesThatFit
  }

  /** What is refused at the moment, and why; undefined where all is taken. */
  get problem(): string | undefined {
    return this.#rejections.problem
  }

  /**
   * Sends until each sample has a final answer, then moves the cursor past them. `left` is how far the agent before
   * this one had come with exactly these.
   */
  async send(read: readonly Entry[], left: InFlightRange | undefined, signal: AbortSignal): Promise<void> {
    const { cursor, negotiation } = this.#deps
    const { entries, before } = await this.#staleTracker.previousSeries(read)
    const range = new Range(entries, before, await this.#rejections.excluded(entries))
    const { first, last } = range.bounds
    const whole = (uncertain: boolean) => wholeRange(entries.length, range.width, uncertain)
    const isUncertain = left !== undefined || first <= cursor.uncertain
    const isSame = left?.first === first && left.last === last
    const seen = { entries: entries.length, series: range.width, samples: range.samples }
    const fits = this.#maxSamplesThatFit
    let work = isSame ? deserialize(left.note, seen) : whole(isUncertain)
    const isLive = !isUncertain && cursor.backlog().snapshots === entries.length
    const asks = isLive && negotiation.shouldProbe
    negotiation.probeVersion(asks)
    if (asks) work = firstEntrySeparately(entries.length, range.width)
    let blame = new BlameTracker(isUncertain, this.#afterWhole)
    if (areaOf(work) < areaOf(whole(true))) blame.accept() // the agent before has delivered some of it
    while (work.length > 0) {
      const after = await this.#sendNext(range, work, blame, signal)
      if (after === 'stuck') return await this.#onInterruption(range, signal)
      if (after === 'whole') return await this.#onRangeRejected(range, blame)
      work = after === 'held' ? whole(blame.uncertain) : after
      if (after !== 'held') continue
      ;[blame, this.#maxSamplesThatFit] = [new BlameTracker(blame.uncertain, this.#afterWhole), fits] // it was not the size
    }
    await this.#finish(entries.at(-1), 'delivered')
  }

  /** Sends the next piece of what is left of a range, and gives what is left after its answer. */
  async #sendNext(
    range: Range,
    work: PendingSlices,
    blame: BlameTracker,
    signal: AbortSignal,
  ): Promise<PendingSlices | Interruption> {
    const { cursor, negotiation } = this.#deps
    const piece = work.at(-1) as Slice // there is work
    const batch = range.cut(piece)
    if (isInVain(piece, batch)) return advance(work, 'rejected', false).pending
    const suspects = blame.suspects.map((one) => one.piece)
    const answer = await this.#onAnswer(batch, signal, async () => {
      await cursor.markInFlight({ ...range.bounds, note: serialize([...suspects, ...work], range.samples) })
      if (blame.isSearching && piece.step === 'send') await this.#withinBudget(blame, signal)
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
      this.#onPartialWrite(piece, answer, batch)
      for (const one of blame.accept()) await this.#rejections.series(range, one)
      return advance(work, 'delivered', false).pending
    }
    this.#onSuspect(piece, answer, blame, batch)
    const after = advance(work, answer.kind, answer.afterUncertain)
    if (after.replayed !== undefined) this.#replayed(after.replayed.to - after.replayed.from)
    const guilty = answer.kind === 'delivered' ? blame.accept() : blame.refuse(after.offending, answer.reason)
    for (const one of guilty) await this.#rejections.series(range, one)
    return answer.kind === 'delivered' ? after.pending : await this.#onBlame(range, after.pending, blame, signal)
  }

  /** One body's final answer; `before` is done first, and nothing where there is nothing to send. */
  async #onAnswer(batch: Batch, signal: AbortSignal, before: () => Promise<void>): Promise<RequestResult | 'nothing'> {
    const sent = await this.#requests.send(batch, before, signal)
    const isProbe = batch.entries[0]?.sequence === 0
    if (sent === 'nothing' || isProbe) return sent
    if (sent.kind === 'delivered') this.#rejections.over(sent)
    if (sent.kind === 'delivered' || isPartialWrite(sent)) this.#afterWhole = false
    return sent
  }

  /**
   * The receiver has taken what is good of it and says how much that is: there is nothing left to be sent, nor to be
   * found out. Of a range that may have arrived before it takes no more than the newest snapshot once more.
   */
  #onPartialWrite({ uncertain }: Slice, sent: PartialWrite, { entries, stale }: Batch): void {
    const newest = (entries.at(-1)?.snapshot.values.length ?? 0) + stale.length
    const isUncertain = uncertain || sent.afterUncertain
    const hadArrived = isUncertain && entries.length > 1 && sent.written <= newest
    if (hadArrived) this.#replayed(entries.length)
    else this.#rejections.part(entries, sent.samples - sent.written, { reason: sent.reason, uncertain: isUncertain })
  }

  /** Once for a range: whether what refuses it is that somebody else was there before. What may be a repetition is none. */
  #onSuspect({ step, uncertain }: Slice, sent: RequestResult, blame: BlameTracker, { entries }: Batch): void {
    const isNew = step === 'last' || (step === 'send' && !uncertain && !sent.afterUncertain)
    if (isNew && sent.kind === 'rejected' && blame.suspect()) this.#rejections.suspect(entries, sent.reason)
  }

  /** After a refusal: what is left to do, where others of these are taken, or may be. */
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
        if (answer !== 'nothing' && (await this.#requests.isOlder(answer, () => this.#onOther(range), signal)))
          return 'held' // once more from its beginning, as 1.0
        this.#rejections.everything(blame.reason, heldMs)
        await wait.wait(heldMs, signal)
        return 'held'
      }
      blame.onProbed()
    }
    return blame.rangeRejected(isOver) ? 'whole' : work
  }

  /** The receiver takes other samples and none of these. Several go one by one: not all may be at fault. */
  async #onRangeRejected({ entries, bounds }: Range, { reason }: BlameTracker): Promise<void> {
    const [entry] = entries
    if (entries.length > 1) this.#singlyUpTo = bounds.last
    if (entry === undefined || entries.length > 1) return
    const replayed = entry.sequence <= this.#deps.cursor.uncertain
    if (replayed) this.#replayed(1)
    else await this.#rejections.snapshot(entry, reason)
    this.#afterWhole = true
    await this.#finish(entry, replayed ? 'delivered' : 'rejected')
  }

  /**
   * The receiver fails at these for half an hour. Several are read again one by one; one that it fails at while it takes
   * another sample, twice, is set aside. Those behind it are no such sample: after them it could not be sent any more.
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

  /** A sample that is none of these. */
  #onOther({ entries }: Range): Batch {
    return this.#probe.next(entries[0]?.snapshot.series[0]?.identity ?? {}, this.#deps.clock.now())
  }

  /** All up to this one has had its final answer. */
  async #finish(entry: Entry | undefined, verdict: DeliveryVerdict): Promise<void> {
    if (entry === undefined) return
    if (verdict === 'delivered') this.#staleTracker.delivered(entry)
    this.#moved = entry.sequence
    await this.#deps.cursor.commit(entry.sequence, verdict)
  }

  /** What a lost answer had hidden. */
  #replayed(snapshots: number): void {
    const { stats, log, receiver } = this.#deps
    stats.replayed++
    report(log, messages.alreadyDelivered, { ...receiver, snapshots })
  }

  #withinBudget({ reason }: BlameTracker, signal: AbortSignal): Promise<void> {
    return this.#budget.wait(this.#deps, (waitMs) => this.#rejections.tooMany(reason, waitMs), signal)
  }
}
