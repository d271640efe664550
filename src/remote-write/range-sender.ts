import type { Cursor, Entry, Flight, Verdict } from '../buffer/types.ts'
import type { About } from '../http/retry/error-log.ts'
import type { Patience } from '../http/retry/interruptible-wait.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import type { Pace } from './backlog-pacing.ts'
import type { Batch } from './encode/batch.ts'
import type { Packer } from './encode/compression.ts'
import {
  again,
  areaOf,
  firstAlone,
  noteOf,
  type Piece,
  settle,
  type Work,
  wholeRange,
  workOf,
} from './rejection/bisect.ts'
import { Trial } from './rejection/blame.ts'
import { Probe } from './rejection/probe.ts'
import { isInVain, Range } from './rejection/range.ts'
import { Refusals } from './rejection/rejections.ts'
import { Budget } from './rejection/search.ts'
import { isPart, type Part, Requests, type Sent } from './request-sender.ts'
import type { Delivery } from './retry.ts'
import type { Relabelling } from './series/relabel.ts'
import { Previous } from './series/stale-tracker.ts'
import type { EndpointStats } from './stats.ts'
import type { Protocol } from './version-negotiation.ts'

interface Needs {
  readonly clock: Clock
  readonly log: Log
  readonly cursor: Cursor
  readonly relabelling: Relabelling
  readonly delivery: Delivery
  readonly protocol: Protocol
  readonly packer: Packer
  readonly patience: Patience
  readonly pace: Pace
  readonly stats: EndpointStats
  readonly about: About
  readonly ageLimitMs: number
  /** The wall clock of this host has stepped since the start. */
  readonly hasStepped: () => boolean
  readonly maxSamples: number
}

/** How a range cannot go on: the receiver fails at it, refuses all of it, refuses everything. */
type Impasse = 'stuck' | 'whole' | 'held'

/** A receiver that refuses everything is asked again after this. */
const heldMs = 60_000

/** Takes one range of snapshots after another to its final answer, whatever the receiver makes of it. */
export class Ranges {
  readonly #needs: Needs
  readonly #budget = new Budget()
  readonly #requests: Requests
  readonly #refusals: Refusals
  readonly #probe = new Probe()
  readonly #previous: Previous
  /** What a request may hold; halved when a receiver finds a body too large. */
  #fits: number
  /** The last number that has had its final answer. */
  #moved = 0
  /** Up to this number snapshots go one by one: the receiver fails at one of them, or refuses some as a whole. */
  #singlyUpTo = 0
  /** The snapshot before was refused as a whole. */
  #afterWhole = false

  constructor(needs: Needs) {
    this.#needs = needs
    this.#previous = new Previous(needs)
    this.#requests = new Requests(needs)
    this.#refusals = new Refusals(needs)
    this.#fits = needs.maxSamples
  }

  get maxSamples(): number {
    return this.#moved < this.#singlyUpTo ? 1 : this.#fits
  }

  /** What is refused at the moment, and why; undefined where all is taken. */
  get trouble(): string | undefined {
    return this.#refusals.trouble
  }

  /**
   * Sends until each sample has a final answer, then moves the cursor past them. `left` is how far the agent before
   * this one had come with exactly these.
   */
  async send(read: readonly Entry[], left: Flight | undefined, signal: AbortSignal): Promise<void> {
    const { cursor, protocol } = this.#needs
    const { entries, before } = await this.#previous.before(read)
    const range = new Range(entries, before, await this.#refusals.without(entries))
    const { first, last } = range.bounds
    const whole = (uncertain: boolean) => wholeRange(entries.length, range.width, uncertain)
    const isUncertain = left !== undefined || first <= cursor.uncertain
    const isSame = left?.first === first && left.last === last
    const seen = { entries: entries.length, series: range.width, samples: range.samples }
    const fits = this.#fits
    let work = isSame ? workOf(left.note, seen) : whole(isUncertain)
    const isLive = !isUncertain && cursor.backlog().snapshots === entries.length
    const asks = isLive && protocol.isToAsk
    protocol.ask(asks)
    if (asks) work = firstAlone(entries.length, range.width)
    let trial = new Trial(isUncertain, this.#afterWhole)
    if (areaOf(work) < areaOf(whole(true))) trial.accept() // the agent before has delivered some of it
    while (work.length > 0) {
      const after = await this.#sendNext(range, work, trial, signal)
      if (after === 'stuck') return await this.#stuck(range, signal)
      if (after === 'whole') return await this.#refusedWhole(range, trial)
      work = after === 'held' ? whole(trial.uncertain) : after
      if (after !== 'held') continue
      ;[trial, this.#fits] = [new Trial(trial.uncertain, this.#afterWhole), fits] // it was not the size
    }
    await this.#over(entries.at(-1), 'delivered')
  }

  /** Sends the next piece of what is left of a range, and gives what is left after its answer. */
  async #sendNext(range: Range, work: Work, trial: Trial, signal: AbortSignal): Promise<Work | Impasse> {
    const { cursor, protocol } = this.#needs
    const piece = work.at(-1) as Piece // there is work
    const batch = range.cut(piece)
    if (isInVain(piece, batch)) return settle(work, 'rejected', false).work
    const suspects = trial.suspects.map((one) => one.piece)
    const settled = await this.#settled(batch, signal, async () => {
      await cursor.begin({ ...range.bounds, note: noteOf([...suspects, ...work], range.samples) })
      if (trial.isSearching && piece.step === 'send') await this.#withinBudget(trial, signal)
    })
    if (settled === 'nothing') {
      protocol.ask(false)
      return settle(work, 'delivered', false).work
    }
    if (await protocol.learn(settled)) {
      trial.uncertain = true
      return again(work)
    }
    if (settled.kind === 'stuck') return 'stuck'
    trial.uncertain ||= settled.afterUncertain
    if (settled.kind === 'rejected' && settled.status === 413) {
      this.#fits = Math.max(1, Math.floor(this.#fits / 2))
      const { work: rest, offending } = settle(work, 'too large', settled.afterUncertain)
      for (const one of trial.tooLarge(offending, settled.reason)) await this.#refusals.series(range, one)
      return await this.#judged(range, rest, trial, signal)
    }
    if (isPart(settled)) {
      this.#takenInPart(piece, settled, batch)
      for (const one of trial.accept()) await this.#refusals.series(range, one)
      return settle(work, 'delivered', false).work
    }
    this.#suspect(piece, settled, trial, batch)
    const after = settle(work, settled.kind, settled.afterUncertain)
    if (after.replayed !== undefined) this.#replayed(after.replayed.to - after.replayed.from)
    const guilty = settled.kind === 'delivered' ? trial.accept() : trial.refuse(after.offending, settled.reason)
    for (const one of guilty) await this.#refusals.series(range, one)
    return settled.kind === 'delivered' ? after.work : await this.#judged(range, after.work, trial, signal)
  }

  /** One body's final answer; `before` is done first, and nothing where there is nothing to send. */
  async #settled(batch: Batch, signal: AbortSignal, before: () => Promise<void>): Promise<Sent | 'nothing'> {
    const sent = await this.#requests.settle(batch, before, signal)
    const isProbe = batch.entries[0]?.sequence === 0
    if (sent === 'nothing' || isProbe) return sent
    if (sent.kind === 'delivered') this.#refusals.over(sent)
    if (sent.kind === 'delivered' || isPart(sent)) this.#afterWhole = false
    return sent
  }

  /**
   * The receiver has taken what is good of it and says how much that is: there is nothing left to be sent, nor to be
   * found out. Of a range that may have arrived before it takes no more than the newest snapshot once more.
   */
  #takenInPart({ uncertain }: Piece, sent: Part, { entries, stale }: Batch): void {
    const newest = (entries.at(-1)?.snapshot.values.length ?? 0) + stale.length
    const isUncertain = uncertain || sent.afterUncertain
    const hadArrived = isUncertain && entries.length > 1 && sent.written <= newest
    if (hadArrived) this.#replayed(entries.length)
    else this.#refusals.part(entries, sent.samples - sent.written, { reason: sent.reason, uncertain: isUncertain })
  }

  /** Once for a range: whether what refuses it is that somebody else was there before. What may be a repetition is none. */
  #suspect({ step, uncertain }: Piece, sent: Sent, trial: Trial, { entries }: Batch): void {
    const isNew = step === 'last' || (step === 'send' && !uncertain && !sent.afterUncertain)
    if (isNew && sent.kind === 'rejected' && trial.suspect()) this.#refusals.suspect(entries, sent.reason)
  }

  /** After a refusal: what is left to do, where others of these are taken, or may be. */
  async #judged(range: Range, work: Work, trial: Trial, signal: AbortSignal): Promise<Work | Impasse> {
    const { patience } = this.#needs
    const isOver = work.length === 0
    if (trial.isToAsk(isOver)) {
      const settled = await this.#settled(this.#other(range), signal, async () => {})
      if (settled === 'nothing' || settled.kind !== 'delivered') {
        if (settled !== 'nothing' && (await this.#requests.isOlder(settled, () => this.#other(range), signal)))
          return 'held' // once more from its beginning, as 1.0
        this.#refusals.everything(trial.reason, heldMs)
        await patience.wait(heldMs, signal)
        return 'held'
      }
      trial.asked()
    }
    return trial.isWhole(isOver) ? 'whole' : work
  }

  /** The receiver takes other samples and none of these. Several go one by one: not all may be at fault. */
  async #refusedWhole({ entries, bounds }: Range, { reason }: Trial): Promise<void> {
    const [entry] = entries
    if (entries.length > 1) this.#singlyUpTo = bounds.last
    if (entry === undefined || entries.length > 1) return
    const replayed = entry.sequence <= this.#needs.cursor.uncertain
    if (replayed) this.#replayed(1)
    else await this.#refusals.snapshot(entry, reason)
    this.#afterWhole = true
    await this.#over(entry, replayed ? 'delivered' : 'refused')
  }

  /**
   * The receiver fails at these for half an hour. Several are read again one by one; one that it fails at while it takes
   * another sample, twice, is set aside. Those behind it are no such sample: after them it could not be sent any more.
   */
  async #stuck(range: Range, signal: AbortSignal): Promise<void> {
    const { entries, bounds } = range
    const [poison] = entries
    if (entries.length > 1) this.#singlyUpTo = bounds.last
    if (poison === undefined || entries.length > 1) return
    if (!(await this.#requests.failsAlone({ entries, stale: [] }, () => this.#other(range), signal))) return
    await this.#refusals.snapshot(poison, 'the receiver fails at it for ever and takes others')
    await this.#over(poison, 'refused')
  }

  /** A sample that is none of these. */
  #other({ entries }: Range): Batch {
    return this.#probe.next(entries[0]?.snapshot.series[0]?.identity ?? {}, this.#needs.clock.now())
  }

  /** All up to this one has had its final answer. */
  async #over(entry: Entry | undefined, verdict: Verdict): Promise<void> {
    if (entry === undefined) return
    if (verdict === 'delivered') this.#previous.delivered(entry)
    this.#moved = entry.sequence
    await this.#needs.cursor.move(entry.sequence, verdict)
  }

  /** What a lost answer had hidden. */
  #replayed(snapshots: number): void {
    const { stats, log, about } = this.#needs
    stats.replayed++
    log.info('remote-write: had arrived though its answer was lost', { ...about, snapshots })
  }

  #withinBudget({ reason }: Trial, signal: AbortSignal): Promise<void> {
    return this.#budget.wait(this.#needs, (waitMs) => this.#refusals.tooMany(reason, waitMs), signal)
  }
}
