import type { Wait } from '../../http/retry/interruptible-wait.ts'
import type { Clock } from '../../util/clock.ts'

/** Requests that search for an offending series: so many an hour, lest a search become an attack. */
const perHour = 32
const hourMs = 3_600_000

interface Deps {
  readonly clock: Clock
  readonly wait: Wait
}

/** What is left of the hour's splitting requests. Times are monotonic milliseconds. */
export class SearchBudget {
  #spentMs: number[] = []

  /** Takes one, however long that may have to wait; `onSpent` is told of each wait. */
  async wait({ clock, wait }: Deps, onSpent: (waitMs: number) => void, signal: AbortSignal): Promise<void> {
    for (let waitMs = this.take(clock.monotonicMs()); waitMs > 0; waitMs = this.take(clock.monotonicMs())) {
      onSpent(waitMs)
      await wait.wait(waitMs, signal)
    }
  }

  /** Takes one, or tells how long to wait for it. */
  take(nowMs: number): number {
    this.#spentMs = this.#spentMs.filter((at) => nowMs - at < hourMs)
    const [oldest] = this.#spentMs
    if (oldest !== undefined && this.#spentMs.length >= perHour) return hourMs - (nowMs - oldest)
    this.#spentMs.push(nowMs)
    return 0
  }
}
