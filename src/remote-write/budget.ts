/** Requests that search for an offending series: so many an hour, lest a search become an attack. */
const perHour = 32
const hourMs = 3_600_000

/** What is left of the hour's splitting requests. Times are monotonic milliseconds. */
export class Budget {
  #spentMs: number[] = []

  /** Takes one, or tells how long to wait for it. */
  take(nowMs: number): number {
    this.#spentMs = this.#spentMs.filter((at) => nowMs - at < hourMs)
    const [oldest] = this.#spentMs
    if (oldest !== undefined && this.#spentMs.length >= perHour) return hourMs - (nowMs - oldest)
    this.#spentMs.push(nowMs)
    return 0
  }
}
