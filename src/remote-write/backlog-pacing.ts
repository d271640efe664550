/** Target time to send a long backlog, if the receiver does not answer with 429. */
const catchUpMs = 300_000
const maxGapMs = 60_000
/** Gap between two requests of a backlog, as a fraction of the interval. With a fraction above 0.5, no interval has more than two requests. */
const gapFraction = 0.6

/** Snapshots in the backlog, and how many of them go into the next request. */
interface BacklogSize {
  readonly snapshots: number
  readonly atOnce: number
}

/**
 * Delays between requests of a backlog. New snapshots join the backlog, so a host sends less than two requests per
 * interval. The first request waits for a random part of an interval. After an outage, a fleet therefore sends at most
 * twice its normal rate, and its hosts do not all start at the same moment. A long backlog is sent evenly over five
 * minutes. HTTP 429 doubles the gaps; each accepted request halves them, down to the normal gap. Live snapshots are sent
 * without delay.
 */
export class BacklogPacing {
  readonly #intervalMs: number
  readonly #random: () => number
  #isBehind = false
  /** Gap between two requests. It does not grow while the backlog shrinks. */
  #usualMs = Number.POSITIVE_INFINITY
  /** Factor on the gap after HTTP 429. */
  #slower = 1

  /** `intervalMs` is the time between two snapshots; `random` returns a number from 0 up to 1. */
  constructor(intervalMs: number, random: () => number) {
    this.#intervalMs = intervalMs
    this.#random = random
  }

  /** Delay before the next request, milliseconds. */
  delayMs({ snapshots, atOnce }: BacklogSize): number {
    const wasBehind = this.#isBehind
    this.#isBehind = snapshots > 1
    if (!this.#isBehind) {
      this.#slower = 1
      this.#usualMs = Number.POSITIVE_INFINITY
      return 0
    }
    const requests = Math.ceil(snapshots / Math.max(1, atOnce))
    this.#usualMs = Math.min(this.#usualMs, this.#intervalMs * gapFraction, catchUpMs / requests)
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
