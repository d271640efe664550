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
import type { Exclusions } from './exclusions.ts'
import { type Excluded, only, type Range } from './range.ts'

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
  readonly exclusions: Exclusions
}

/** Excluded samples are saved together, after this time or this number of snapshots. */
const unsentMs = 60_000
const maxUnsent = 100

/** A pause that lasts is logged again after this time. */
const reminderMs = 3_600_000

/** Counts and logs rejected samples, saves them as dead letters, and excludes rejected series for an hour. */
export class Rejections {
  readonly #deps: Deps
  readonly #duplicateSender: DuplicateSender
  readonly #counts: WrittenCounts
  /** Whether the receiver rejects whole snapshots. */
  #isRangeRejected = false
  /** The last rejection and the error message of the receiver. */
  #last: { readonly what: string; readonly reason: string } | undefined
  /** Samples of excluded series that are not in a dead letter yet, and since when. */
  readonly #unsent: Entry[] = []
  #unsentSinceMs = 0
  /** When a pause was logged, monotonic milliseconds. */
  #loggedMs = 0
  /** Samples that are too old, and excluded ones, are counted up to these sequence numbers. */
  #oldTo = 0
  #excludedTo = 0

  constructor(deps: Deps) {
    this.#deps = deps
    this.#duplicateSender = new DuplicateSender(deps)
    this.#counts = new WrittenCounts(deps)
  }

  /** The current reason for rejections, with a hint; undefined if the receiver accepts everything. */
  get problem(): string | undefined {
    if (this.#duplicateSender.problem !== undefined) return this.#duplicateSender.problem
    if (this.#last === undefined) return undefined
    const { what, reason } = this.#last
    return withHint(`${what}: ${reason}`, this.#deps.delivery.hintFor(reason))
  }

  /** The receiver rejects everything, the test sample included. */
  everything(reason: string, pauseMs: number): void {
    const isNew = this.#isNew('the receiver rejects all samples', reason)
    this.#report(messages.allRejected, isNew, { ...this.#explained(reason), next_try_in: `${pauseMs / 1000}s` })
  }

  /** The hourly budget of bisection requests is used up. */
  tooMany(reason: string, waitMs: number): void {
    const isNew = this.#isNew('the receiver rejects too many series', reason)
    const nextTry = `${Math.ceil(waitMs / 60_000)}m`
    this.#report(messages.tooManyRejected, isNew, { ...this.#explained(reason), next_try_in: nextTry })
  }

  /** Series and ages that are not sent. Counts their samples as dropped. */
  async excluded(entries: readonly Entry[]): Promise<Excluded> {
    const { ageLimitMs, clock, cursor, stats, exclusions } = this.#deps
    const olderThanMs = ageLimitMs === 0 ? Number.NEGATIVE_INFINITY : clock.now() - ageLimitMs
    const series = exclusions.in(entries, clock.monotonicMs())
    const old = entries.filter(({ snapshot }) => snapshot.timestampMs < olderThanMs)
    cursor.drop('too_old', samplesIn(old.filter(({ sequence }) => sequence > this.#oldTo)))
    this.#oldTo = Math.max(this.#oldTo, old.at(-1)?.sequence ?? 0)
    const recent = entries.filter((entry) => !old.includes(entry) && entry.sequence > this.#excludedTo)
    this.#excludedTo = Math.max(this.#excludedTo, entries.at(-1)?.sequence ?? 0)
    const samples = series.size === 0 ? 0 : samplesOf(series, recent)
    if (samples > 0) {
      stats.samplesFailed += samples
      cursor.drop('rejected', samples)
      await this.#keepUnsent(
        recent.map(({ sequence, snapshot }) => ({ sequence, snapshot: only(snapshot, (one) => series.has(one)) })),
      )
    }
    return { series, olderThanMs }
  }

  /** Saves the samples that were not sent since the last dead letter. */
  async saveUnsent(): Promise<void> {
    const entries = this.#unsent.splice(0)
    if (entries.length > 0)
      await this.#deps.cursor.saveDeadLetter({ reason: 'not sent: the receiver rejects this series', entries })
  }

  /** A dead letter costs a file and a sync: one has the samples of several minutes. */
  async #keepUnsent(entries: readonly Entry[]): Promise<void> {
    const nowMs = this.#deps.clock.monotonicMs()
    if (this.#unsent.length === 0) this.#unsentSinceMs = nowMs
    this.#unsent.push(...entries)
    if (this.#unsent.length >= maxUnsent || nowMs - this.#unsentSinceMs >= unsentMs) await this.saveUnsent()
  }

  /** The receiver rejects one series. */
  async series(range: Range, { slice, reason }: SingleSeriesRejection): Promise<void> {
    const { clock, relabeller, exclusions } = this.#deps
    const { entries } = range.cut({ ...slice, step: 'send' })
    const [series] = entries.flatMap(({ snapshot }) => snapshot.series)
    if (series !== undefined) exclusions.add(series, clock.monotonicMs())
    const samples = await this.#reject(entries, reason)
    const labels = series === undefined ? [] : relabeller.labels(series)
    this.#last = { what: 'delivering, except for rejected series', reason }
    const fields = { series: Object.fromEntries(labels), samples, ...this.#explained(reason) }
    this.#report(messages.seriesRejected, true, fields)
  }

  /** The receiver rejects a whole snapshot. The first of several is logged as an error. */
  async snapshot(entry: Entry, reason: string): Promise<void> {
    const samples = await this.#reject([entry], reason)
    const fields = { samples, time: entry.snapshot.timestampMs / 1000, ...this.#explained(reason) }
    this.#last = { what: 'snapshots rejected, saved as dead letters', reason }
    this.#report(messages.snapshotsRejected, !this.#isRangeRejected, fields)
    this.#isRangeRejected = true
  }

  /** The receiver rejected this number of samples and accepted the others. It does not report which. */
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

  /** The receiver accepted a request. `written`: the number of samples that it reports, if it does. */
  accepted({ samples, written }: { readonly samples: number; readonly written?: number }): void {
    this.#duplicateSender.onAccepted()
    if (this.#deps.exclusions.size === 0) this.#last = undefined
    if (this.#isRangeRejected) this.#report(messages.snapshotsAccepted)
    this.#isRangeRejected = false
    this.#counts.accepted(samples, written)
  }

  /** A repetition is logged at level debug. */
  #report(message: Message, isNew = true, fields: Fields = {}): void {
    const { log, receiver } = this.#deps
    report(log, message, { ...receiver, ...fields }, isNew ? message.level : 'debug')
  }

  /** Stores the current problem. True if it differs from the previous one, and once an hour. */
  #isNew(what: string, reason: string): boolean {
    const nowMs = this.#deps.clock.monotonicMs()
    const isNew = this.#last?.what !== what || this.#last.reason !== reason || nowMs - this.#loggedMs >= reminderMs
    if (isNew) this.#loggedMs = nowMs
    this.#last = { what, reason }
    return isNew
  }

  #explained(reason: string) {
    return { reason, hint: this.#deps.delivery.hintFor(reason) }
  }

  /** Checks if a second sender caused this rejection. The samples had not been sent before. */
  suspect([entry]: readonly Entry[], reason: string): void {
    const [series] = entry?.snapshot.series ?? []
    const { relabeller } = this.#deps
    if (entry === undefined || series === undefined) return
    this.#duplicateSender.onRejected(entry.snapshot, reason, relabeller.labels(series))
  }

  async #reject(entries: readonly Entry[], reason: string): Promise<number> {
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

const samplesOf = (selected: ReadonlySet<Series>, entries: readonly Entry[]) =>
  entries.reduce((sum, { snapshot }) => sum + snapshot.series.filter((one) => selected.has(one)).length, 0)

/** Value of the label `reason`. */
const dropReason = 'receiver_wrote_less'

/** Compares the number of written samples with the number sent. Logs a difference once until it is over. */
class WrittenCounts {
  readonly #deps: Pick<Deps, 'log' | 'stats' | 'receiver'>
  #isPart = false
  #isLess = false

  constructor(deps: Pick<Deps, 'log' | 'stats' | 'receiver'>) {
    this.#deps = deps
  }

  /** The receiver rejected this number of samples of a request. */
  part(samples: number, explained: { readonly reason: string; readonly hint?: string | undefined }): void {
    const { log, receiver } = this.#deps
    const fields = { ...receiver, samples, ...explained }
    report(log, messages.samplesRejected, fields, this.#isPart ? 'debug' : messages.samplesRejected.level)
    this.#isPart = true
  }

  /** The receiver accepted a request. `written` defaults to all, because not every receiver reports it. */
  accepted(samples: number, written = samples): void {
    const { log, receiver, stats } = this.#deps
    if (this.#isPart) report(log, messages.samplesAccepted, receiver)
    this.#isPart = false
    const missing = Math.max(0, samples - written)
    if (missing > 0) stats.samplesDropped.set(dropReason, (stats.samplesDropped.get(dropReason) ?? 0) + missing)
    if (missing > 0 && !this.#isLess) report(log, messages.wroteLess, { ...receiver, samples, written })
    this.#isLess = missing > 0
  }
}
