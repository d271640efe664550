import type { Series } from '../../metrics/series.ts'

/** How long an offending series is left out before it is tried again. */
const excludedMs = 3_600_000

/** Series that the receiver would not have. Times are monotonic milliseconds. */
export class ExcludedSeries {
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
