/** A backlog that takes longer at the usual pace is sent within this time, if the receiver lets it. */
const catchUpMs = 300_000
const maxGapMs = 60_000
/** Of the interval, between two requests of a backlog: less than two in any interval, whenever it begins. */
const fraction = 0.6

/** What waits, and how much of it goes into the next request. */
interface BacklogSize {
  readonly snapshots: number
  readonly atOnce: number
}

/**
 * How fast a backlog is sent. Meanwhile nothing is sent for what is new, and less than two requests an interval: so a
 * fleet that an outage has ended for sends at most twice of what it always does, and comes back over an interval, not in
 * one moment. A backlog for which that is too slow is sent evenly over five minutes. Whenever the receiver says that it
 * is too much the gaps are doubled, with each request that goes well halved, down to what they were. Live sending has no
 * pace.
 */
export class BacklogPacing {
  readonly #intervalMs: number
  readonly #random: () => number
  #isBehind = false
  /** Between two requests of this backlog; as it gets shorter it goes on at that. */
  #usualMs = Number.POSITIVE_INFINITY
  /** How many times longer than usual the gaps are. */
  #slower = 1

  /** `intervalMs` lies between two snapshots; `random` gives from 0 up to 1. */
  constructor(intervalMs: number, random: () => number) {
    this.#intervalMs = intervalMs
    this.#random = random
  }

  /** How long to wait before the next request. */
  delayMs({ snapshots, atOnce }: BacklogSize): number {
    const wasBehind = this.#isBehind
    this.#isBehind = snapshots > 1
    if (!this.#isBehind) {
      this.#slower = 1
      this.#usualMs = Number.POSITIVE_INFINITY
      return 0
    }
    const requests = Math.ceil(snapshots / Math.max(1, atOnce))
    this.#usualMs = Math.min(this.#usualMs, this.#intervalMs * fraction, catchUpMs / requests)
    if (!wasBehind) return this.#random() * this.#intervalMs
    return Math.min(Math.max(this.#usualMs, maxGapMs), this.#usualMs * this.#slower)
  }

  onDelivered(): void {
    this.#slower = Math.max(1, this.#slower / 2)
  }

  onRateLimited(): void {
    if (this.#isBehind) this.#slower = Math.min(1024, this.#slower * 2)
  }
}
