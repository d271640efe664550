import type { Clock } from '../../util/clock.ts'

/** Longest work of a sender without a timer: encoding, compression, waiting for a slow disk. */
const slackMs = 300_000

/**
 * The clock of one sender, which also detects that the sender is stuck. Every wait of a sender, a pause or a request, has a
 * timer as its deadline. A sender that has work but no running timer for `slackMs` is stuck.
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

  /** How long the sender has been stuck, milliseconds; 0 if it is not. The watchdog calls this regularly. */
  stalledMs(hasWork: boolean): number {
    const nowMs = this.#clock.monotonicMs()
    this.#hasWorkSinceMs = hasWork ? (this.#hasWorkSinceMs ?? nowMs) : undefined
    if (this.#hasWorkSinceMs === undefined) return 0
    return Math.max(0, nowMs - Math.max(this.#busyUntilMs, this.#hasWorkSinceMs) - slackMs)
  }

  /** Resets the detection after a restart of the sender. */
  restart(): void {
    this.#hasWorkSinceMs = undefined
    this.#busyUntilMs = this.#clock.monotonicMs()
  }
}
