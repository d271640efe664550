/** Milliseconds between two requests of a catch-up: at its start, and at most. */
const firstGapMs = 1000
const longestGapMs = 60_000
/** Below it there is no gap any more. */
const shortestGapMs = 10
/** A fleet that an outage has ended for comes back over this time. */
const spreadMs = 15_000

/**
 * How fast a backlog is sent: after a random delay a request a second, twice as many with each that goes well, half as
 * many when the receiver says that it is too much. Live sending has no pace.
 */
export class Pace {
  readonly #random: () => number
  #gapMs: number | undefined

  /** `random` gives from 0 up to 1. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** How long to wait before the next request, when so many snapshots wait. */
  delayMs(snapshots: number): number {
    if (snapshots <= 1) this.#gapMs = undefined
    else if (this.#gapMs === undefined) {
      this.#gapMs = firstGapMs
      return this.#random() * spreadMs
    }
    return this.#gapMs === undefined || this.#gapMs < shortestGapMs ? 0 : this.#gapMs
  }

  well(): void {
    if (this.#gapMs !== undefined) this.#gapMs /= 2
  }

  tooMuch(): void {
    if (this.#gapMs !== undefined) this.#gapMs = Math.min(longestGapMs, Math.max(firstGapMs, this.#gapMs * 2))
  }
}
