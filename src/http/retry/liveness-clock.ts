import type { Clock } from '../../util/clock.ts'

/** What a sender may do without a timer of its own: encode, compress, wait for a disk that is tried again. */
const slackMs = 300_000

/**
 * The clock of one sender, by which it shows that it lives: whatever it waits for has an end that is a timer's, a pause
 * as well as the deadline of a request. One that has something to do and no timer running is stuck.
 */
export class LivenessClock implements Clock {
  readonly #clock: Clock
  #busyUntilMs: number
  #hasWorkSinceMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#busyUntilMs = clock.monotonicMs()
  }

  now(): number {
    return this.#clock.now()
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  bootMs(): number {
    return this.#clock.bootMs()
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#clock.monotonicMs() + ms)
    return this.#clock.sleep(ms, signal)
  }

  timer(ms: number, ring: () => void): () => void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#clock.monotonicMs() + ms)
    return this.#clock.timer(ms, ring)
  }

  /** For how long it has been stuck, milliseconds; asked now and then, whether it has something to do or not. */
  stalledMs(hasWork: boolean): number {
    const nowMs = this.#clock.monotonicMs()
    this.#hasWorkSinceMs = hasWork ? (this.#hasWorkSinceMs ?? nowMs) : undefined
    if (this.#hasWorkSinceMs === undefined) return 0
    return Math.max(0, nowMs - Math.max(this.#busyUntilMs, this.#hasWorkSinceMs) - slackMs)
  }

  /** It begins anew. */
  restart(): void {
    this.#hasWorkSinceMs = undefined
    this.#busyUntilMs = this.#clock.monotonicMs()
  }
}
