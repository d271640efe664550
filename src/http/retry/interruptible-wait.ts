import type { Clock } from '../../util/clock.ts'

/** One for all, as an Error is dear. Nobody sees it. */
const hurried = new Error('wait ended early')

/** Waiting that a stop can end: the endpoint has until the deadline, and not a second to lose on manners. */
export class Wait {
  readonly #clock: Clock
  readonly #stopping = new AbortController()
  #hurry = new AbortController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ends every wait that is under way, and all waiting out of politeness from now on. */
  hurry(): void {
    this.#stopping.abort(hurried)
    this.retry()
  }

  /** Ends the wait between two attempts: somebody may have put right what was wrong. */
  retry(): void {
    this.#hurry.abort(hurried)
    this.#hurry = new AbortController()
  }

  /** Between two attempts. Rejects when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    await this.#sleep(ms, signal, this.#hurry.signal)
  }

  /** Out of politeness to the receiver or a data plan: not at all once the agent is stopping. */
  async yield(ms: number, signal: AbortSignal): Promise<void> {
    if (ms > 0 && !this.#stopping.signal.aborted) await this.#sleep(ms, signal, this.#stopping.signal)
  }

  /** Until the time is up or it is enough. `AbortSignal.any` would take more than all the rest. */
  #sleep(ms: number, signal: AbortSignal, enough: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = () => {
        callOff()
        signal.removeEventListener('abort', over)
        enough.removeEventListener('abort', over)
        if (signal.aborted) reject(signal.reason)
        else resolve()
      }
      const callOff = this.#clock.timer(ms, over)
      signal.addEventListener('abort', over)
      enough.addEventListener('abort', over)
      if (signal.aborted || enough.aborted) over()
    })
  }
}
