import type { Cursor, Entry } from '../../buffer/index.ts'
import { withHint } from '../../hints/index.ts'
import type { Outcome, ReceiverLabels } from '../../http/index.ts'
import type { Series } from '../../metrics/index.ts'
import type { Clock } from '../../util/clock.ts'
import { type Log, report } from '../../util/log.ts'
import type { Batch } from '../encode/batch.ts'
import type { Label } from '../encode/labels.ts'
import { partialMessages as messages } from '../messages.ts'
import { messageOf } from '../outcome.ts'
import type { Exclusions } from '../rejection/exclusions.ts'
import { only } from '../rejection/range.ts'
import type { SearchBudget } from '../rejection/search.ts'
import type { Retrier } from '../retry.ts'
import type { Relabeller } from '../series/relabel.ts'
import { identityText } from '../series/series-text.ts'
import type { EndpointStats } from '../stats.ts'
import { NamingSearch } from './naming-search.ts'
import { type LabelLimit, type Refusal, refusalOf } from './refusal.ts'
import { namedSeries } from './series-names.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly cursor: Cursor
  readonly relabeller: Relabeller
  readonly delivery: Pick<Retrier, 'hintFor'>
  readonly stats: EndpointStats
  readonly receiver: ReceiverLabels
  readonly exclusions: Exclusions
  readonly budget: SearchBudget
}

/** A rejected request of which the receiver stored the good samples. */
export interface StoredInPart {
  readonly batch: Batch
  readonly refusal: Refusal
  readonly reason: string
  /** An earlier attempt may have arrived: a rejection for order says nothing. */
  readonly isUncertain: boolean
}

/** A snapshot of a request with rejected series that are not all named yet. */
interface Unresolved {
  readonly entry: Entry
  /** Samples that were counted as rejected without a name. */
  unnamed: number
  /** Identity texts of the series that are counted as rejected. */
  readonly named: Set<string>
}

/** Snapshots that are kept in memory until their rejected series are named. */
const maxUnresolved = 64
/** Number of requests to remember the accepted series of, if a snapshot needs several. */
const maxAcceptedParts = 64
/** Rejected series that a log line shows. */
const maxExamples = 3
const reminderMs = 3_600_000
/** Time after which a search continues that the receiver answered with an error. */
const searchRetryMs = 60_000

/** Sends a part of the newest snapshot once. */
export type SearchRequest = (batch: Batch, signal: AbortSignal) => Promise<Outcome>

/**
 * Rejections of a receiver that stores the good samples of each request. Delivery goes on; this class finds out which
 * series were rejected, counts and saves their samples, and excludes them until a trial succeeds. It finds them by the
 * message of the receiver, or by sending parts of the newest snapshot again: the receiver accepts exact duplicates of the
 * newest samples.
 */
export class PartialRefusals {
  readonly #deps: Deps
  readonly #search = new NamingSearch()
  #unresolved: Unresolved[] = []
  /** Lists of the series that the receiver accepted last. */
  #accepted: (readonly Series[])[] = []
  /** The newest snapshot that was sent, in one part or several. */
  #newest: readonly Entry[] = []
  /** Number of the newest snapshot in which the search found a series accepted. */
  readonly #acceptedIn = new Map<string, number>()
  #last: { readonly reason: string; readonly rule: string } | undefined
  /** Number of rejected series in the last log line, and its time. */
  #logged: { readonly series: number; readonly atMs: number } | undefined
  /** When a rule was logged last: one that rejects every other snapshot is logged once an hour. */
  readonly #loggedRules = new Map<string, number>()
  #pausedUntilMs = 0

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** What the receiver rejects now; undefined if it accepts everything. */
  get problem(): string | undefined {
    if (this.#last === undefined) return undefined
    const { reason } = this.#last
    const { length } = this.#deps.exclusions.shown
    const series = length === 0 ? 'rejected samples' : `${length} rejected series`
    return withHint(`delivering, except for ${series}: ${reason}`, this.#deps.delivery.hintFor(reason))
  }

  /** Rejected series are not all named, and a request to find them is allowed now. */
  get isSearching(): boolean {
    const { clock, budget } = this.#deps
    const nowMs = clock.monotonicMs()
    return !this.#search.isOver && nowMs >= this.#pausedUntilMs && budget.left(nowMs) > 0
  }

  /** Counts what the receiver rejected of a request. */
  async onRefusal({ batch, refusal, reason, isUncertain }: StoredInPart): Promise<void> {
    const before = this.#newest
    const ruleBefore = this.#last?.rule
    this.#sent(batch)
    if (refusal.cause === 'no sample') return
    if (isUncertain && (refusal.cause === 'order' || isWindow(reason))) return
    this.#last = { reason, rule: refusal.rule }
    if (isForTime(refusal)) await this.#onTimes(batch, refusal, reason)
    else await this.#onSeries(batch, refusal, reason, ruleBefore === refusal.rule ? before : undefined)
    if (this.#search.isOver || this.#logged !== undefined) this.#summarize()
  }

  /** The receiver accepted a request as a whole. `isWhole`: with all series of its newest snapshot that are sent. */
  onAccepted({ entries }: Batch, isWhole: boolean): void {
    const newest = entries.at(-1)
    if (newest === undefined) return
    this.#sent({ entries })
    const { series } = newest.snapshot
    if (isWhole) this.#accepted = [series]
    else this.#accepted = [...this.#accepted.slice(-maxAcceptedParts), series]
    if (this.#last === undefined) return
    this.#deps.exclusions.accept(series)
    if (!isWhole) return
    this.#search.clear()
    this.#unresolved = []
    if (this.#deps.exclusions.shown.length > 0) return
    this.#last = undefined
    if (this.#logged !== undefined) report(this.#deps.log, messages.seriesAccepted, this.#deps.receiver)
    this.#logged = undefined
  }

  /** Sends one part of the newest snapshot again, to name rejected series. */
  async search(request: SearchRequest, signal: AbortSignal): Promise<void> {
    const { clock, budget } = this.#deps
    const names: string[] = []
    const texts = this.#search.next((text) => names.push(text))
    for (const text of names) await this.#name(text)
    if (texts !== undefined) {
      const batch = partOf(this.#newest, texts)
      if (batch.entries.length === 0) this.#search.skip()
      else {
        if (budget.acquire(clock.monotonicMs()) > 0) return
        const outcome = await request(batch, signal)
        if (!signal.aborted) await this.#onAnswer(batch, outcome)
      }
    }
    if (this.#search.isOver) {
      this.#unresolved = []
      this.#summarize()
    } else if (!this.isSearching) this.#summarize()
  }

  /** Forgets what was rejected: everything is sent again. */
  reset(): void {
    this.#search.clear()
    this.#unresolved = []
    this.#accepted = []
    this.#acceptedIn.clear()
    this.#loggedRules.clear()
    this.#pausedUntilMs = 0
  }

  async #onAnswer(batch: Batch, outcome: Outcome): Promise<void> {
    const series = batch.entries.flatMap(({ snapshot }) => snapshot.series)
    if (outcome.kind === 'delivered') {
      for (const one of series) this.#acceptedIn.set(identityText(one), batch.entries[0]?.sequence ?? 0)
      this.#deps.exclusions.accept(series)
      return this.#search.accepted()
    }
    const refusal = refusalOf(messageOf(outcome))
    if (refusal.isForAll) {
      await this.#refuse(series, outcome.reason, refusal.rule)
      return
    }
    if (outcome.kind !== 'rejected' || refusal.kind === 'too large') {
      this.#pausedUntilMs = this.#deps.clock.monotonicMs() + searchRetryMs
      return
    }
    if (isForTime(refusal)) return this.#search.clear() // it cannot name series
    const named = this.#named(refusal, series)
    if (named.length === 0) this.#search.rejected()
    else await this.#refuse(named, outcome.reason, refusal.rule)
  }

  /**
   * Series that are rejected for themselves, whatever their time is. `before`: the snapshot that was sent before, if its
   * series were rejected by the same rule.
   */
  async #onSeries(batch: Batch, refusal: Refusal, reason: string, before: readonly Entry[] | undefined): Promise<void> {
    if (this.#search.isOver) {
      this.#search.clear()
      this.#acceptedIn.clear()
    }
    const newest = batch.entries.at(-1)
    const series = newest?.snapshot.series ?? []
    const fresh = batch.entries.map((entry): Unresolved => ({ entry, unnamed: 0, named: new Set() }))
    this.#unresolved = [...this.#unresolved, ...fresh].slice(-maxUnresolved)
    const suspects = this.#suspects(series)
    const [only, ...more] = suspects
    const { exclusions } = this.#deps
    const isTrial = only !== undefined && more.length === 0 && exclusions.has(only)
    const told = this.#named(refusal, series)
    const named = told.length > 0 ? told : isTrial ? suspects : this.#newSeries(series, refusal, before)
    // one that is not among those that were accepted last is probably to blame, but that needs a request
    this.#search.add(suspects, suspects.length === series.length)
    if (named.length > 0) await this.#refuse(named, reason, refusal.rule)
    else this.#countUnnamed(fresh.at(-1), refusal.seriesCount === undefined ? 1 : refusal.seriesCount * fresh.length)
  }

  /** The series that the snapshot before did not have. A tenant that is at its limit accepts none of them. */
  #newSeries(
    series: readonly Series[],
    { cause, rule }: Refusal,
    before: readonly Entry[] | undefined,
  ): readonly Series[] {
    const { exclusions } = this.#deps
    const isFull = before !== undefined || exclusions.hasRule(rule)
    if (cause !== 'series limit' || !isFull) return []
    const known = before?.flatMap(({ snapshot }) => snapshot.series) ?? this.#accepted.flat()
    if (known.length === 0) return []
    const texts = new Set(known.map(identityText))
    return series.filter((one) => !texts.has(identityText(one)) && !exclusions.isReleased(one))
  }

  /** Series of a rejected request that the receiver did not accept last; all if it accepted each of them. */
  #suspects(series: readonly Series[]): readonly Series[] {
    const lists = this.#accepted
    if (lists.length === 0) return series
    const accepted = new Set(lists.flatMap((list) => list.map(identityText)))
    const news = series.filter((one) => !accepted.has(identityText(one)))
    if (news.length > 0) return news
    this.#accepted = []
    return series
  }

  /** The series that the message names, or that exceed the limit in it. */
  #named({ series: text, limit }: Refusal, all: readonly Series[]): readonly Series[] {
    const labels = (series: Series) => this.#deps.relabeller.labels(series)
    const named = text === undefined ? undefined : namedSeries(text, all, labels)
    const above = limit === undefined ? [] : all.filter((one) => isAbove(labels(one), limit))
    return named === undefined || above.includes(named) ? above : [named, ...above]
  }

  async #name(text: string): Promise<void> {
    const { reason, rule } = this.#last ?? { reason: '', rule: '' }
    const all = this.#newest.flatMap(({ snapshot }) => snapshot.series)
    const series = all.find((one) => identityText(one) === text)
    if (series !== undefined) await this.#refuse([series], reason, rule)
  }

  /** Series are rejected: counts and saves their samples, and excludes them. */
  async #refuse(all: readonly Series[], reason: string, rule: string): Promise<void> {
    const { exclusions, clock, cursor, relabeller } = this.#deps
    const nowMs = clock.monotonicMs()
    for (const series of all) {
      this.#search.named(series)
      const shown = JSON.stringify(Object.fromEntries(relabeller.labels(series)))
      exclusions.addForTrial(series, nowMs, { rule, shown })
    }
    const texts = new Set(all.map(identityText))
    let counted = 0
    const parts = this.#unresolved.flatMap((one): readonly Entry[] => {
      const snapshot = only(one.entry.snapshot, (series) => {
        const text = identityText(series)
        const isAfter = one.entry.sequence > (this.#acceptedIn.get(text) ?? -1)
        return texts.has(text) && isAfter && !one.named.has(text)
      })
      for (const series of snapshot.series) one.named.add(identityText(series))
      const unnamed = Math.min(one.unnamed, snapshot.series.length)
      one.unnamed -= unnamed
      counted += snapshot.series.length - unnamed
      return snapshot.series.length === 0 ? [] : [{ ...one.entry, snapshot }]
    })
    this.#count(counted)
    if (parts.length > 0) await cursor.saveDeadLetter({ reason, entries: parts })
  }

  /** Samples that are rejected for their time: those at the time in the message, and those beyond it. */
  async #onTimes(batch: Batch, refusal: Refusal, reason: string): Promise<void> {
    const { cause, timestampMs } = refusal
    if (cause === 'order') {
      const all = [...new Set(batch.entries.flatMap(({ snapshot }) => snapshot.series))]
      const [named] = this.#named(refusal, all)
      if (named === undefined || timestampMs === undefined) return this.#count(1)
      return await this.#rejectTimes(batch, reason, (series, atMs) => series === named && atMs <= timestampMs)
    }
    const isAlone = batch.entries.length === 1 && refusal.dropsSeries
    if (timestampMs === undefined && !isAlone) return this.#count(1)
    await this.#rejectTimes(batch, reason, (_, atMs) => {
      if (timestampMs === undefined) return true
      return cause === 'past' ? atMs <= timestampMs : atMs >= timestampMs
    })
  }

  async #rejectTimes(
    { entries }: Batch,
    reason: string,
    isRejected: (series: Series, atMs: number) => boolean,
  ): Promise<void> {
    const parts = entries.flatMap((entry): readonly Entry[] => {
      const { series, ownTimestampsMs, timestampMs } = entry.snapshot
      const rejected = new Set(
        series.filter((one, i) => {
          const own = ownTimestampsMs?.[i] ?? Number.NaN
          return isRejected(one, Number.isNaN(own) ? timestampMs : own)
        }),
      )
      if (rejected.size === 0) return []
      return rejected.size === series.length
        ? [entry]
        : [{ ...entry, snapshot: only(entry.snapshot, (one) => rejected.has(one)) }]
    })
    const samples = parts.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
    this.#count(Math.max(1, samples))
    if (samples > 0) await this.#deps.cursor.saveDeadLetter({ reason, entries: parts })
  }

  #countUnnamed(newest: Unresolved | undefined, samples: number): void {
    if (newest !== undefined) newest.unnamed += samples
    this.#count(samples)
  }

  #count(samples: number): void {
    this.#deps.stats.samplesFailed += samples
    this.#deps.cursor.drop('rejected', samples)
  }

  #sent({ entries }: Pick<Batch, 'entries'>): void {
    const newest = entries.at(-1)
    if (newest === undefined) return
    const isSame = this.#newest[0]?.sequence === newest.sequence
    this.#newest = isSame ? [...this.#newest, newest] : [newest]
  }

  /** Logs what is rejected: once, when it has doubled, and once an hour. */
  #summarize(): void {
    const { clock, log, receiver, delivery, exclusions } = this.#deps
    if (this.#last === undefined) return
    const { reason, rule } = this.#last
    const atMs = clock.monotonicMs()
    const { shown } = exclusions
    const isDue = atMs - (this.#loggedRules.get(rule) ?? Number.NEGATIVE_INFINITY) >= reminderMs
    const isMore = this.#logged !== undefined && shown.length > 2 * this.#logged.series
    if (!isDue && !isMore) return
    this.#loggedRules.set(rule, atMs)
    this.#logged = { series: shown.length, atMs }
    const fields = {
      series: shown.length,
      ...(!this.#search.isOver && { more: 'not identified yet' }),
      ...(shown.length > 0 && { examples: shown.slice(0, maxExamples).join(' ') }),
      reason,
      hint: delivery.hintFor(reason),
    }
    report(log, messages.partRejected, { ...receiver, ...fields })
  }
}

function isAbove(labels: readonly Label[], limit: LabelLimit): boolean {
  if ('valueBytes' in limit) return labels.some(([, value]) => Buffer.byteLength(value) > limit.valueBytes)
  const name = labels.find(([label]) => label === '__name__')?.[1] ?? ''
  return labels.length > limit.labels && name.endsWith('_info') === (limit.of === 'info')
}

/** The samples are rejected for their time. Without a time in the message, series may be to blame. */
const isForTime = ({ cause, timestampMs, dropsSeries }: Refusal) =>
  cause === 'order' || ((cause === 'past' || cause === 'future') && (timestampMs !== undefined || dropsSeries))

/** Too old because of a newer sample of the series: an earlier attempt may have delivered it. */
const isWindow = (reason: string) => /beyond the out-of-order time window/.test(reason)

/** The series with these identity texts. */
function partOf(parts: readonly Entry[], texts: ReadonlySet<string>): Batch {
  const isIn = (series: Series) => texts.has(identityText(series))
  const entries = parts.map(({ sequence, snapshot }) => ({ sequence, snapshot: only(snapshot, isIn) }))
  return { entries: entries.filter(({ snapshot }) => snapshot.series.length > 0), stale: [] }
}
