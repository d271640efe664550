import type { RefusalCause } from '../acceptance/refusal.ts'
import type { Slice } from './bisect.ts'

/** Rejections in a row after which hostpush sends a test sample. */
const probeAfter = 3
/** The same for HTTP 413: a range may need several halvings. */
const probeTooLargeAfter = 8
/** Slices of several snapshots rejected in a row, while the test sample was accepted, after which they are sent one by one. */
const rangeRejectedAfter = 15

/**
 * Single series of a snapshot that hostpush sends before the whole snapshot counts as rejected. Most of them may be bad, so
 * they are many; fewer if the message says that the time is the cause, and fewer still after such a snapshot.
 */
const spotChecks = { any: 12, time: 4, timeAgain: 2 } as const

/** A slice of one series that the receiver rejected, and its error message. */
export interface SingleSeriesRejection {
  readonly slice: Slice
  readonly reason: string
}

/**
 * Tracks whether rejections are caused by single series, by the range (for example too old) or by the receiver. A series
 * is blamed only after another part of the range was accepted.
 */
export class BlameTracker {
  /** A response to a part of the range was lost. */
  uncertain: boolean
  #suspected = false
  #accepted = false
  #probed = false
  #rejections = 0
  #tooLarge = 0
  #reason = ''
  #firstCause: RefusalCause | undefined
  #cause: RefusalCause = 'unknown'
  #suspects: SingleSeriesRejection[] = []
  readonly #isQuick: boolean

  /** `isQuick`: the previous range was rejected as a whole for its time, so this one probably is too. */
  constructor(uncertain: boolean, isQuick: boolean) {
    this.uncertain = uncertain
    this.#isQuick = isQuick
  }

  /** True on the first call: a second sender is checked once per range. */
  suspect(): boolean {
    const isFirst = !this.#suspected
    this.#suspected = true
    return isFirst
  }

  /** The last error message of the receiver. */
  get reason(): string {
    return this.#reason
  }

  /** The receiver rejected a part and accepted a part: bisection continues. */
  get isSearching(): boolean {
    return this.#accepted && this.#rejections > 0
  }

  /** The last rejection was for the time of the samples. */
  get isForTime(): boolean {
    return this.#cause === 'past' || this.#cause === 'future' || this.#cause === 'order'
  }

  get suspects(): readonly SingleSeriesRejection[] {
    return this.#suspects
  }

  /** Number of single series to send before the snapshot counts as rejected. */
  get spotChecks(): number {
    if (!this.isForTime) return spotChecks.any
    return this.#isQuick ? spotChecks.timeAgain : spotChecks.time
  }

  /**
   * A new part of the range is rejected for its order, although the range was rejected for another reason first or may have
   * arrived: the receiver may have stored the part.
   */
  mayBeStored(cause: RefusalCause): boolean {
    this.#firstCause ??= cause
    return cause === 'order' && (this.#firstCause !== 'order' || this.uncertain)
  }

  /** The first rejection was for the order of the samples. */
  get isForOrder(): boolean {
    return this.#firstCause === 'order'
  }

  /** The receiver accepted a part of the range. Returns the suspects, which are now known to be at fault. */
  accept(): readonly SingleSeriesRejection[] {
    this.#accepted = true
    return this.#suspects.splice(0)
  }

  /** The receiver rejected a slice. Returns the series that are known to be at fault. */
  reject(slice: Slice | undefined, reason: string, cause: RefusalCause): readonly SingleSeriesRejection[] {
    this.#rejections++
    this.#reason = reason
    this.#cause = cause
    if (slice !== undefined) this.#suspects.push({ slice, reason })
    return this.#accepted ? this.#suspects.splice(0) : []
  }

  /** HTTP 413. Counts as a rejection only for a slice that cannot be split. Returns the series at fault. */
  tooLarge(slice: Slice | undefined, reason: string): readonly SingleSeriesRejection[] {
    this.#tooLarge++
    this.#reason = reason
    return slice === undefined ? [] : this.reject(slice, reason, 'unknown')
  }

  /** Nothing was accepted yet: time to send a test sample. */
  shouldProbe(isOver: boolean): boolean {
    const isEnough = this.#rejections >= (this.#isQuick ? 1 : probeAfter) || this.#tooLarge >= probeTooLargeAfter
    return !this.#accepted && !this.#probed && (isOver || isEnough)
  }

  /** The receiver accepted the test sample. */
  onProbed(): void {
    this.#probed = true
  }

  /** The receiver accepts the test sample and nothing of this range. */
  rangeRejected(isOver: boolean): boolean {
    return !this.#accepted && this.#probed && (isOver || this.#rejections >= rangeRejectedAfter)
  }
}
