import type { Clock } from './clock.ts'

/** Changes to the bad state that are logged without a delay, and the time after which one more is. */
const burst = 5
const refillMs = 600_000
/** A bad state that lasts this long is logged in any case. */
const lastingMs = 60_000

/**
 * Hysteresis for the log lines of a state that is good or bad. The first changes are logged. A state that changes again and
 * again is then logged as bad six times an hour at most, unless it stays bad for a minute.
 */
export class StateRate {
  readonly #clock: Clock
  #tokens = burst
  #countedMs: number
  #badSinceMs: number | undefined
  #isLoggedAsBad = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#countedMs = clock.monotonicMs()
  }

  /** The state according to the log. */
  get isLoggedAsBad(): boolean {
    return this.#isLoggedAsBad
  }

  /** Sets the state. True if the change must be logged now. */
  set(isBad: boolean): boolean {
    const nowMs = this.#clock.monotonicMs()
    this.#badSinceMs = isBad ? (this.#badSinceMs ?? nowMs) : undefined
    if (isBad === this.#isLoggedAsBad) return false
    if (isBad && !this.#mayLog(nowMs) && nowMs - (this.#badSinceMs ?? nowMs) < lastingMs) return false
    this.#isLoggedAsBad = isBad
    return true
  }

  #mayLog(nowMs: number): boolean {
    this.#tokens = Math.min(burst, this.#tokens + (nowMs - this.#countedMs) / refillMs)
    this.#countedMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

/** Maximum number of causes with a separate rate; the others share one. */
const maxCauses = 16

/** One line a minute for each cause, for example for each client; none if the line would be the same as the last one. */
export class LineRate {
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #causes = new Map<string, { text: string; loggedMs: number; suppressed: number }>()

  constructor(clock: Clock, everyMs = 60_000) {
    this.#clock = clock
    this.#everyMs = everyMs
  }

  /** Undefined if the line must not be logged, else the number of suppressed lines of this cause since its last line. */
  next(cause: string, text: string): number | undefined {
    const nowMs = this.#clock.monotonicMs()
    const key = this.#causes.has(cause) || this.#causes.size < maxCauses ? cause : ''
    const before = this.#causes.get(key)
    if (before !== undefined && (before.text === text || nowMs - before.loggedMs < this.#everyMs)) {
      before.suppressed++
      return undefined
    }
    this.#causes.set(key, { text, loggedMs: nowMs, suppressed: 0 })
    return before?.suppressed ?? 0
  }
}
