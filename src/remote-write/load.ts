/** How much of the newest counts. */
const weight = 0.2

/**
 * How much of the time between two snapshots goes into sending one. Above 1 a single sender, one request after another,
 * cannot keep up: Prometheus calls it the number of shards that are desired.
 */
export class LoadAverage {
  #betweenMs: number | undefined
  #newestMs: number | undefined
  #sendingMs = 0

  collected(timestampMs: number): void {
    if (this.#newestMs !== undefined) this.#betweenMs = smoothed(this.#betweenMs, timestampMs - this.#newestMs)
    this.#newestMs = timestampMs
  }

  sent(snapshots: number, milliseconds: number): void {
    this.#sendingMs = smoothed(this.#sendingMs, milliseconds / snapshots)
  }

  /** From 1 up: there is always one. */
  get senders(): number {
    return Math.max(1, this.#sendingMs / Math.max(1, this.#betweenMs ?? Number.POSITIVE_INFINITY))
  }
}

const smoothed = (before: number | undefined, now: number) =>
  before === undefined ? now : before + weight * (now - before)
