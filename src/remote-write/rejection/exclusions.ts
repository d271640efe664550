import type { Entry } from '../../buffer/index.ts'
import type { Series } from '../../metrics/index.ts'
import { identityText } from '../series/series-text.ts'

/** Time after which a series that an atomic receiver rejected is sent again. */
const atomicMs = 3_600_000
/** Time between two trials of the series of one rule, for a partial receiver. */
const trialMs = 300_000

interface Exclusion {
  /** The limit or rule of the receiver. */
  readonly rule: string
  /** When it was rejected last, monotonic milliseconds. */
  rejectedMs: number
  /** Sent again at this time, all at once; undefined for trials. */
  readonly untilMs: number | undefined
  /** When a snapshot had it last. */
  seenMs: number
  /** Its labels for a log line. */
  readonly shown: string
}

/** A series that no snapshot had for this time is forgotten. */
const goneMs = 600_000

/**
 * Series that the receiver rejected and that are not sent for a time. An atomic receiver gets such a series again after an
 * hour. A partial one, where a trial costs nothing, gets one series of each rule every five minutes; if it accepts that,
 * the other series of the rule follow at once.
 */
export class Exclusions {
  /** By identity text: a series that was read from the disk is another object. */
  readonly #all = new Map<string, Exclusion>()
  /** Time of the last trial by rule. */
  readonly #tried = new Map<string, number>()
  /** Rules of which a series was accepted again: all their series are sent. */
  readonly #lifted = new Set<string>()
  /** Series of such rules that have no answer yet. */
  readonly #released = new Set<string>()

  /** Excludes a series that an atomic receiver rejected. */
  add(series: Series, nowMs: number): void {
    const times = { rejectedMs: nowMs, seenMs: nowMs, untilMs: nowMs + atomicMs }
    this.#all.set(identityText(series), { rule: '', shown: '', ...times })
  }

  /** Excludes a series that a partial receiver rejected by this rule. */
  addForTrial(series: Series, nowMs: number, { rule, shown }: { readonly rule: string; readonly shown: string }): void {
    this.#lifted.delete(rule)
    this.#released.delete(identityText(series))
    if (!this.#tried.has(rule)) this.#tried.set(rule, nowMs)
    this.#all.set(identityText(series), { rule, shown, rejectedMs: nowMs, seenMs: nowMs, untilMs: undefined })
  }

  get size(): number {
    return this.#all.size
  }

  has(series: Series): boolean {
    return this.#all.has(identityText(series))
  }

  /** Whether a series is excluded by this rule of a partial receiver. */
  hasRule(rule: string): boolean {
    return this.#all.values().some((one) => one.untilMs === undefined && one.rule === rule)
  }

  /** Labels of the series that a partial receiver rejects. */
  get shown(): readonly string[] {
    return [...this.#all.values()].flatMap(({ untilMs, shown }) => (untilMs === undefined ? [shown] : []))
  }

  /** The receiver accepted these series. Returns how many of them had been excluded. */
  accept(series: Iterable<Series>): number {
    if (this.#all.size === 0 && this.#released.size === 0) return 0
    let count = 0
    for (const one of series) {
      const text = identityText(one)
      const found = this.#all.get(text)
      this.#released.delete(text)
      if (found === undefined) continue
      if (found.untilMs === undefined) this.#lifted.add(found.rule)
      this.#all.delete(text)
      count++
    }
    return count
  }

  /** All series are sent again. */
  clear(): void {
    this.#all.clear()
    this.#tried.clear()
    this.#lifted.clear()
    this.#released.clear()
  }

  /** Whether a series is sent again because another one of its rule was accepted. */
  isReleased(series: Series): boolean {
    return this.#released.has(identityText(series))
  }

  /** The series of these entries that are excluded now, without those that are tried. */
  in(entries: readonly Entry[], nowMs: number): ReadonlySet<Series> {
    for (const [text, { untilMs, seenMs }] of this.#all)
      if (nowMs >= (untilMs ?? seenMs + goneMs)) this.#all.delete(text)
    const excluded = new Map<Series, Exclusion>()
    if (this.#all.size === 0) return new Set()
    for (const list of new Set(entries.map(({ snapshot }) => snapshot.series)))
      for (const series of list) {
        const found = this.#all.get(identityText(series))
        if (found === undefined) continue
        found.seenMs = nowMs
        excluded.set(series, found)
      }
    for (const series of this.#trials(excluded, nowMs)) excluded.delete(series)
    return new Set(excluded.keys())
  }

  /**
   * The series to try now: those of lifted rules, or the one of a due rule that was rejected longest ago. Only one, so that
   * a rejection of the request is its rejection.
   */
  #trials(excluded: ReadonlyMap<Series, Exclusion>, nowMs: number): readonly Series[] {
    const lifted = [...excluded].filter(([, { rule, untilMs }]) => untilMs === undefined && this.#lifted.has(rule))
    for (const [series] of lifted) {
      this.#all.delete(identityText(series))
      this.#released.add(identityText(series))
    }
    if (lifted.length > 0) return lifted.map(([series]) => series)
    const due = [...excluded].filter(
      ([, { rule, untilMs }]) => untilMs === undefined && nowMs - (this.#tried.get(rule) ?? 0) >= trialMs,
    )
    const [first] = due.toSorted(([, left], [, right]) => left.rejectedMs - right.rejectedMs)
    if (first === undefined) return []
    const [series, { rule }] = first
    this.#tried.set(rule, nowMs)
    return [series]
  }
}
