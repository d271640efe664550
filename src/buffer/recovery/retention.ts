import type { Clock } from '../../util/clock.ts'
import { type Log, messageOf, report } from '../../util/log.ts'
import type { DiskCursor } from '../cursor/cursor.ts'
import { messages } from '../messages.ts'
import type { Segments } from '../segment/directory.ts'
import type { CountedLosses } from '../segment/reader.ts'
import type { BufferStats } from '../types.ts'

/** A difference between the wall clock and the boot clock, or a receiver's clock, that is a step. */
const stepMs = 60_000

/**
 * Whether the wall clock may decide what is too old: not after it was stepped, and not after a start that cannot tell
 * whether it was, until a receiver's time agrees with it.
 */
export class ClockTrust {
  readonly #clock: Clock
  #offsetMs: number
  #isTrusted: boolean

  /** `before` is when the last snapshot of this very boot was taken, by both clocks; undefined where there is none. */
  constructor(clock: Clock, before: { readonly wallMs: number; readonly bootMs: number } | 'none' | 'unknown') {
    this.#clock = clock
    this.#offsetMs = clock.now() - clock.bootMs()
    this.#isTrusted =
      before === 'none' || (before !== 'unknown' && Math.abs(this.#offsetMs - (before.wallMs - before.bootMs)) < stepMs)
  }

  /** The wall clock; undefined while it is not to be trusted. */
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
  readonly stats: BufferStats
  readonly log: Log
  readonly time: ClockTrust
  /** The sequence number up to which every endpoint is, for sure. */
  readonly safe: () => number
  /** What was left alone since before this time is too old. */
  readonly onAge: (beforeMs: number) => Promise<void>
}

/**
 * Deletes segments: those that every endpoint is past, also with the last snapshot that it got, and the oldest where
 * there is too much or it is too old.
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

  /** Whether what was taken then is older than `max_age`; not as long as the wall clock is not to be trusted. */
  isTooOld(takenMs: number | undefined): boolean {
    const nowMs = this.#deps.time.now()
    return nowMs !== undefined && takenMs !== undefined && takenMs < nowMs - this.#options.maxAgeMs
  }

  /** One after another, as each deletes what the one before has left. */
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
    const { segments, cursors, countedLosses, stats, safe, time, onAge } = this.#deps
    const nowMs = time.now()
    const beforeMs = nowMs === undefined ? Number.NEGATIVE_INFINITY : nowMs - this.#options.maxAgeMs
    for (let end = segments.endOfOldest; end !== undefined; end = segments.endOfOldest) {
      if (end.sequence >= safe()) {
        const isOld = (segments.all[1]?.createdMs ?? beforeMs) < beforeMs
        const reason = isOld ? 'max_age' : segments.bytes > this.#options.maxBytes ? 'max_bytes' : undefined
        if (reason === undefined) break
        for (const cursor of cursors.values()) await cursor.skipTo(end, reason)
      }
      await segments.removeOldest()
    }
    countedLosses.forget(segments.all[0]?.samplesBefore ?? 0)
    stats.bytes = segments.bytes
    await onAge(beforeMs)
  }
}
