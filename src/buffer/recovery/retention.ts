import type { Clock } from '../../util/clock.ts'
import { type Log, messageOf, report } from '../../util/log.ts'
import type { DiskCursor } from '../cursor/cursor.ts'
import type { KeptSegments } from '../history/kept-segments.ts'
import { messages } from '../messages.ts'
import type { Segments } from '../segment/directory.ts'
import type { CountedLosses } from '../segment/reader.ts'
import type { BufferStats } from '../types.ts'

/** Minimum difference between two clocks that counts as a step. */
const stepMs = 60_000

/**
 * Decides whether `max_age` may use the wall clock. After a step of the wall clock, and after a start that cannot
 * exclude one, the clock is untrusted until the time of a receiver agrees with it.
 */
export class ClockTrust {
  readonly #clock: Clock
  #offsetMs: number
  #isTrusted: boolean

  /** `before`: both clocks at the last snapshot of this boot; `none` for an empty log, `unknown` after a reboot. */
  constructor(clock: Clock, before: { readonly wallMs: number; readonly bootMs: number } | 'none' | 'unknown') {
    this.#clock = clock
    this.#offsetMs = clock.now() - clock.bootMs()
    this.#isTrusted =
      before === 'none' || (before !== 'unknown' && Math.abs(this.#offsetMs - (before.wallMs - before.bootMs)) < stepMs)
  }

  /** The wall clock; undefined while it is untrusted. */
  now(): number | undefined {
    const nowMs = this.#clock.now()
    const offsetMs = nowMs - this.#clock.bootMs()
    if (Math.abs(offsetMs - this.#offsetMs) >= stepMs) this.#isTrusted = false
    this.#offsetMs = offsetMs
    return this.#isTrusted ? nowMs : undefined
  }

  confirm(receiverMs: number): void {
    this.now()
    if (Math.abs(this.#clock.now() - receiverMs) < stepMs) this.#isTrusted = true
  }
}

interface Deps {
  readonly segments: Segments
  readonly cursors: ReadonlyMap<string, DiskCursor>
  readonly countedLosses: CountedLosses
  readonly kept: KeptSegments
  readonly stats: BufferStats
  readonly log: Log
  readonly time: ClockTrust
  /** The sequence number that the durable cursors of all endpoints have reached. */
  readonly safe: () => number
  /** Called with the time before which everything is expired. */
  readonly onAge: (beforeMs: number) => Promise<void>
}

/**
 * Removes segments: keeps those as history that every endpoint has passed and that do not contain its last delivered
 * snapshot, and deletes the oldest beyond `max_bytes` or `max_age`.
 */
export class Retention {
  readonly #options: { readonly maxBytes: number; readonly maxAgeMs: number }
  readonly #deps: Deps
  #working: Promise<void> = Promise.resolve()

  constructor(options: { readonly maxBytes: number; readonly maxAgeMs: number }, deps: Deps) {
    this.#options = options
    this.#deps = deps
  }

  confirmTime(receiverMs: number): void {
    this.#deps.time.confirm(receiverMs)
  }

  /** True if a timestamp is older than `max_age`; false while the wall clock is untrusted. */
  isTooOld(timestampMs: number | undefined): boolean {
    const nowMs = this.#deps.time.now()
    return nowMs !== undefined && timestampMs !== undefined && timestampMs < nowMs - this.#options.maxAgeMs
  }

  /** Deletes what is no longer needed. Calls run one after another. */
  keep(): Promise<void> {
    this.#working = this.#working
      .then(() => this.#removeOldest())
      .catch((error) => {
        this.#deps.stats.diskErrors++
        report(this.#deps.log, messages.deleteFailed, { err: messageOf(error) })
      })
    return this.#working
  }

  async #removeOldest(): Promise<void> {
    const { segments, cursors, countedLosses, kept, stats, safe, time, onAge } = this.#deps
    let isChanged = false
    const nowMs = time.now()
    const beforeMs = nowMs === undefined ? Number.NEGATIVE_INFINITY : nowMs - this.#options.maxAgeMs
    for (let end = segments.endOfOldest; end !== undefined; end = segments.endOfOldest) {
      const isDelivered = end.sequence < safe()
      if (!isDelivered) {
        const isOld = (segments.all[1]?.createdMs ?? beforeMs) < beforeMs
        const reason = isOld ? 'max_age' : segments.bytes > this.#options.maxBytes ? 'max_bytes' : undefined
        if (reason === undefined) break
        for (const cursor of cursors.values()) await cursor.skipTo(end, reason)
      }
      await segments.removeOldest(isDelivered ? (segment) => kept.add(segment) : undefined)
      isChanged = true
    }
    if (isChanged) await kept.trim(nowMs)
    countedLosses.forget(segments.all[0]?.samplesBefore ?? 0)
    stats.bytes = segments.bytes
    await onAge(beforeMs)
  }
}
