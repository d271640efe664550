/** Upper bounds in seconds, those of Prometheus for the same histogram. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300, Number.POSITIVE_INFINITY]

/** How long requests took, as a classic histogram. */
export class DurationHistogram {
  seconds = 0
  count = 0
  readonly #counts = bounds.map(() => 0)

  add(seconds: number): void {
    const place = bounds.findIndex((bound) => seconds <= bound)
    this.#counts[place] = (this.#counts[place] ?? 0) + 1
    this.seconds += seconds
    this.count++
  }

  /** How many were not longer than each bound; the bound as the label `le` has it. */
  *buckets(): Generator<readonly [le: string, count: number]> {
    let total = 0
    for (const [place, bound] of bounds.entries()) {
      total += this.#counts[place] ?? 0
      yield [bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound), total]
    }
  }
}
