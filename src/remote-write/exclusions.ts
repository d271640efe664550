import type { Entry } from '../buffer/buffer.ts'
import type { Series } from '../metrics/series.ts'
import { only } from './range.ts'

/** How long an offending series is left out before it is tried again. */
const leftOutMs = 3_600_000

/** Series that the receiver would not have. Times are monotonic milliseconds. */
export class Exclusions {
  readonly #untilMs = new Map<Series, number>()

  add(series: Series, nowMs: number): void {
    this.#untilMs.set(series, nowMs + leftOutMs)
  }

  get size(): number {
    return this.#untilMs.size
  }

  /** Parts entries into what is to be sent and what is left out; whose time has come is sent again. */
  part(
    entries: readonly Entry[],
    nowMs: number,
  ): { readonly send: readonly Entry[]; readonly leave: ReadonlySet<Series> } {
    for (const [series, until] of this.#untilMs) if (nowMs >= until) this.#untilMs.delete(series)
    if (this.#untilMs.size === 0) return { send: entries, leave: new Set() }
    const leave = new Set(this.#untilMs.keys())
    const send = entries.map((entry) => ({ ...entry, snapshot: only(entry.snapshot, (series) => !leave.has(series)) }))
    return { send, leave }
  }
}
