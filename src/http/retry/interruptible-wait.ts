import type { Clock } from '../../util/clock.ts'

/** Shared, because creating an Error is expensive. Never shown. */
const ended = new Error('wait ended early')

/** A sleep that shutdown can interrupt: pacing delays are skipped and backoff ends early. */
export class Wait {
  readonly #clock: Clock
  readonly #stopping = new AbortController()
  #hurry = new AbortController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Called at shutdown: ends all current waits, and skips pacing delays from now on. */
  hurry(): void {
    this.#stopping.abort(ended)
    this.retry()
  }

  /** Ends the current backoff, so that the next attempt starts at once. */
  retry(): void {
    this.#hurry.abort(ended)
    this.#hurry = new AbortController()
  }

  /** Backoff between two attempts. Rejects when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    await this.#sleep(ms, signal, this.#hurry.signal)
  }

  /** Pacing delay that spares the receiver or a data plan; skipped once the agent is stopping. */
  async yield(ms: number, signal: AbortSignal): Promise<void> {
    if (ms > 0 && !this.#stopping.signal.aborted) await this.#sleep(ms, signal, this.#stopping.signal)
  }

  /** Ends after `ms` or when `enough` aborts. Avoids `AbortSignal.any`, which costs more than everything else here. */
  #sleep(ms: number, signal: AbortSignal, enough: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = () => {
        cancel()
        signal.removeEventListener('abort', over)
        enough.removeEventListener('abort', over)
        if (signal.aborted) reject(signal.reason)
        else resolve()
      }
      const cancel = this.#clock.timer(ms, over)
      signal.addEventListener('abort', over)
      enough.addEventListener('abort', over)
      if (signal.aborted || enough.aborted) over()
    })
  }
}
