import type { Clock } from '../util/clock.ts'
import type { EndpointMemo } from './memo.ts'

/** After this time a larger request is tried again: the limit may have been raised. */
const validMs = 86_400_000

interface StoredSize {
  readonly samples: number
  /** Wall clock, milliseconds since the epoch. */
  readonly sinceMs: number
  /** The limit is that of a burst: requests that follow each other at once share it. */
  readonly isBurst: boolean
  /** Hash of the URL. */
  readonly of: string
}

/** Number of samples per request: as configured, or less if the receiver rejected requests as too large. */
export class RequestSize {
  readonly #configured: number
  readonly #memo: EndpointMemo
  readonly #clock: Clock
  #found: StoredSize | undefined

  constructor(configured: number, memo: EndpointMemo, clock: Clock) {
    this.#configured = configured
    this.#memo = memo
    this.#clock = clock
    const { samples, sinceMs, isBurst = false, of } = (memo.read()['size'] ?? {}) as Partial<StoredSize>
    if (of === memo.key() && typeof samples === 'number' && typeof sinceMs === 'number' && samples >= 1)
      this.#found = { samples, sinceMs, isBurst, of }
  }

  /** At least 1. */
  get samples(): number {
    const { samples, sinceMs } = this.#found ?? { samples: this.#configured, sinceMs: Number.POSITIVE_INFINITY }
    const isOld = Math.abs(this.#clock.now() - sinceMs) >= validMs && Number.isFinite(sinceMs)
    return isOld ? this.#configured : Math.min(samples, this.#configured)
  }

  /** Whether requests that follow each other at once may exceed the limit together. */
  get isBurst(): boolean {
    return this.#found?.isBurst === true && this.samples < this.#configured
  }

  /** The receiver rejected a request with this number of samples as too large. */
  async halve(sent: number, isBurst: boolean): Promise<void> {
    await this.#set(Math.max(1, Math.floor(Math.min(this.samples, sent) / 2)), isBurst)
  }

  /** Sets an earlier size: the size was not the cause. */
  async restore(samples: number): Promise<void> {
    if (samples !== this.samples) await this.#set(samples, this.#found?.isBurst ?? false)
  }

  async #set(samples: number, isBurst: boolean): Promise<void> {
    const isDefault = samples >= this.#configured
    this.#found = isDefault ? undefined : { samples, sinceMs: this.#clock.now(), isBurst, of: this.#memo.key() }
    await this.#memo.write({ size: this.#found })
  }
}
