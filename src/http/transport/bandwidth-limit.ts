import type { Clock } from '../../util/clock.ts'

/** Limits the upload rate of an endpoint: a body is sent in pieces of a tenth of a second each. */
export class Pacing {
  readonly #bytesPerSecond: number
  readonly #clock: Clock
  #freeAtMs = 0

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond
    this.#clock = clock
  }

  /** Time until a body of this size is sent, milliseconds. */
  durationMs(bytes: number): number {
    return Math.max(0, this.#freeAtMs - this.#clock.monotonicMs()) + this.#costMs(bytes)
  }

  async *pieces(body: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const size = Math.max(1, Math.ceil(this.#bytesPerSecond / 10))
    for (let at = 0; at < body.length; at += size) {
      const piece = body.subarray(at, at + size)
      const nowMs = this.#clock.monotonicMs()
      if (this.#freeAtMs > nowMs) await this.#clock.sleep(this.#freeAtMs - nowMs, signal)
      this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + this.#costMs(piece.length)
      yield piece
    }
  }

  #costMs(bytes: number): number {
    return (bytes * 1000) / this.#bytesPerSecond
  }
}
