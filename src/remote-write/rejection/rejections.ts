import type { Cursor, Entry } from '../../buffer/index.ts'
import { withHint } from '../../hints/index.ts'
import type { ReceiverLabels } from '../../http/index.ts'
import type { Series } from '../../metrics/index.ts'
import type { Clock } from '../../util/clock.ts'
import { type Fields, type Log, type Message, report } from '../../util/log.ts'
import { rejectionMessages as messages } from '../messages.ts'
import type { Retrier } from '../retry.ts'
import type { Relabeller } from '../series/relabel.ts'
import type { EndpointStats } from '../stats.ts'
import type { BlameTracker, SingleSeriesRejection } from './blame.ts'
import { DuplicateSender } from './duplicate-sender.ts'
import type { Excluded, Range } from './range.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly cursor: Cursor
  readonly relabeller: Relabeller
  readonly delivery: Pick<Retrier, 'hintFor'>
  readonly stats: EndpointStats
  readonly receiver: ReceiverLabels
  readonly ageLimitMs: number
  readonly hasStepped: () => boolean
}

/** What the receiver will not have: counted, set aside with its words, and for a while not sent again. */
export class Rejections {
  readonly #deps: Deps
  readonly #exclusions = new ExcludedSeries()
  readonly #duplicateSender: DuplicateSender
  readonly #counts: WrittenCounts
  /** Snapshots are being refused as a whole. */
  #isRangeRejected = false
  /** What was refused last, and the receiver's words. */
  #last: { readonly what: string; readonly reason: string } | undefined

  constructor(deps: Deps) {
    this.#deps = deps
    this.#duplicateSender = new DuplicateSender(deps)
    this.#counts = new WrittenCounts(deps)
  }

  /** What is refused at the moment, and what to do; undefined where all is taken. */
  get problem(): string | undefined {
    if (this.#duplicateSender.problem !== undefined) return this.#duplicateSender.problem
    if (this.#last === undefined) return undefined
    const { what, reason } = this.#last
    return withHint(`${what}: ${reason}`, this.#deps.delivery.hintFor(reason))
  }

  /** The receiver takes nothing at all. */
  everything(reason: string, heldMs: number): void {
    const isNew = this.#isNew('all samples rejected, kept in the buffer', reason)
    this.#report(messages.allRejected, isNew, { ...this.#explained(reason), next_try_in: `${heldMs / 1000}s` })
  }

  /** So many series are refused that finding out which would be a burden to the receiver. */
  tooMany(reason: string, waitMs: number): void {
    const isNew = this.#isNew('too many series rejected, all samples kept in the buffer', reason)
    const nextTry = `${Math.ceil(waitMs / 60_000)}m`
    this.#report(messages.tooManyRejected, isNew, { ...this.#explained(reason), next_try_in: nextTry })
  }

  /** What of these entries is not even tried. It is counted here. */
  async excluded(entries: readonly Entry[]): Promise<Excluded> {
    const { ageLimitMs, clock, cursor, stats } = this.#deps
    const olderThanMs = ageLimitMs === 0 ? Number.NEGATIVE_INFINITY : clock.now() - ageLimitMs
    const series = this.#exclusions.at(clock.monotonicMs())
    const old = entries.filter(({ snapshot }) => snapshot.timestampMs < olderThanMs)
    if (old.length > 0) cursor.drop('too_old', samplesIn(old))
    const young = entries.filter((entry) => !old.includes(entry))
    const samples = series.size === 0 ? 0 : samplesOf(series, young)
    if (samples > 0) {
      stats.samplesFailed += samples
      cursor.drop('rejected', samples)
      await cursor.saveDeadLetter({ reason: 'not sent: the receiver rejects this series', entries: young, series })
    }
    return { series, olderThanMs }
  }

  /** A series is at fault. */
  async series(range: Range, { piece, reason }: SingleSeriesRejection): Promise<void> {
    const { clock, relabeller } = this.#deps
    const { entries } = range.cut({ ...piece, step: 'send' })
    const [series] = entries.flatMap(({ snapshot }) => snapshot.series)
    if (series !== undefined) this.#exclusions.add(series, clock.monotonicMs())
    const samples = await this.#refuse(entries, reason)
    const labels = series === undefined ? [] : relabeller.labels(series)
    this.#last = { what: 'delivering, except for rejected series', reason }
    const fields = { series: Object.fromEntries(labels), samples, ...this.#explained(reason) }
    this.#report(messages.seriesRejected, true, fields)
  }

  /** A snapshot is at fault as a whole; said of the first of several. */
  async snapshot(entry: Entry, reason: string): Promise<void> {
    const samples = await this.#refuse([entry], reason)
    const fields = { samples, time: entry.snapshot.timestampMs / 1000, ...this.#explained(reason) }
    this.#last = { what: 'snapshots rejected, saved as dead letters', reason }
    this.#report(messages.snapshotsRejected, !this.#isRangeRejected, fields)
    this.#isRangeRejected = true
  }

  /** Samples of these are at fault; the receiver has taken the others and does not tell which they are. */
  part(
    entries: readonly Entry[],
    samples: number,
    { reason, uncertain }: Pick<BlameTracker, 'reason' | 'uncertain'>,
  ): void {
    const { stats, cursor } = this.#deps
    stats.samplesFailed += samples
    cursor.drop('rejected', samples)
    this.#last = { what: 'delivering, except for some rejected samples', reason }
    this.#counts.part(samples, this.#explained(reason))
    if (!uncertain) this.suspect(entries, reason)
  }

  /** Something is taken again, whole; the receiver may tell how much of it was written. */
  over({ samples, written }: { readonly samples: number; readonly written?: number }): void {
    this.#duplicateSender.taken()
    if (this.#exclusions.isEmpty) this.#last = undefined
    if (this.#isRangeRejected) this.#report(messages.snapshotsAccepted)
    this.#isRangeRejected = false
    this.#counts.taken(samples, written)
  }

  /** A repetition is logged at level debug. */
  #report(message: Message, isNew = true, fields: Fields = {}): void {
    const { log, receiver } = this.#deps
    report(log, message, { ...receiver, ...fields }, isNew ? message.level : 'debug')
  }

  /** Stores the current problem. True if it differs from the previous one. */
  #isNew(what: string, reason: string): boolean {
    const isNew = this.#last?.what !== what || this.#last.reason !== reason
    this.#last = { what, reason }
    return isNew
  }

  #explained(reason: string) {
    return { reason, hint: this.#deps.delivery.hintFor(reason) }
  }

  /** These were refused, and had not arrived before. */
  suspect([entry]: readonly Entry[], reason: string): void {
    const [series] = entry?.snapshot.series ?? []
    const { relabeller } = this.#deps
    if (entry === undefined || series === undefined) return
    this.#duplicateSender.refused(entry.snapshot, reason, relabeller.labels(series))
  }

  async #refuse(entries: readonly Entry[], reason: string): Promise<number> {
    const { cursor, stats } = this.#deps
    const samples = samplesIn(entries)
    stats.samples += samples
    stats.samplesFailed += samples
    cursor.drop('rejected', samples)
    await cursor.saveDeadLetter({ reason, entries })
    return samples
  }
}

const samplesIn = (entries: readonly Entry[]) => entries.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)

const samplesOf = (wanted: ReadonlySet<Series>, entries: readonly Entry[]) =>
  entries.reduce((sum, { snapshot }) => sum + snapshot.series.filter((one) => wanted.has(one)).length, 0)

/** As it is counted. */
const dropReason = 'receiver_wrote_less'

/** What a receiver says it has written of what it was sent, where that is not all of it: said once while it lasts. */
class WrittenCounts {
  readonly #deps: Pick<Deps, 'log' | 'stats' | 'receiver'>
  #isPart = false
  #isLess = false

  constructor(deps: Pick<Deps, 'log' | 'stats' | 'receiver'>) {
    this.#deps = deps
  }

  /** So many samples of a request were refused, and the receiver does not tell which. */
  part(samples: number, explained: { readonly reason: string; readonly hint?: string | undefined }): void {
    const { log, receiver } = this.#deps
    const fields = { ...receiver, samples, ...explained }
    report(log, messages.samplesRejected, fields, this.#isPart ? 'debug' : messages.samplesRejected.level)
    this.#isPart = true
  }

  /** A whole request was taken; not every receiver counts. */
  taken(samples: number, written = samples): void {
    const { log, receiver, stats } = this.#deps
    if (this.#isPart) report(log, messages.samplesAccepted, receiver)
    this.#isPart = false
    const less = Math.max(0, samples - written)
    if (less > 0) stats.samplesDropped.set(dropReason, (stats.samplesDropped.get(dropReason) ?? 0) + less)
    if (less > 0 && !this.#isLess) report(log, messages.wroteLess, { ...receiver, samples, written })
    this.#isLess = less > 0
  }
}

/** How long an offending series is left out before it is tried again. */
const excludedMs = 3_600_000

/** Series that the receiver would not have. Times are monotonic milliseconds. */
class ExcludedSeries {
  readonly #untilMs = new Map<Series, number>()

  add(series: Series, nowMs: number): void {
    this.#untilMs.set(series, nowMs + excludedMs)
  }

  get isEmpty(): boolean {
    return this.#untilMs.size === 0
  }

  /** What is to be left out now; whose time has come is sent again. */
  at(nowMs: number): ReadonlySet<Series> {
    for (const [series, until] of this.#untilMs) if (nowMs >= until) this.#untilMs.delete(series)
    return new Set(this.#untilMs.keys())
  }
}
