import type { Slice } from './bisect.ts'

/** Rejections in a row after which hostpush sends a test sample. */
const probeAfter = 3
/** The same for HTTP 413: a range may need several halvings. */
const probeTooLargeAfter = 8
/** Slices rejected in a row, while the test sample was accepted, after which the whole range counts as rejected. */
const rangeRejectedAfter = 15

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
  #suspects: SingleSeriesRejection[] = []
  readonly #maxRejections: number

  /** `quick`: the previous range was rejected as a whole, so this one probably is too. */
  constructor(uncertain: boolean, quick: boolean) {
    this.uncertain = uncertain
    this.#maxRejections = quick ? probeAfter : rangeRejectedAfter
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

  get suspects(): readonly SingleSeriesRejection[] {
    return this.#suspects
  }

  /** The receiver accepted a part of the range. Returns the suspects, which are now known to be at fault. */
  accept(): readonly SingleSeriesRejection[] {
    this.#accepted = true
    return this.#suspects.splice(0)
  }

  /** The receiver rejected a slice. Returns the series that are known to be at fault. */
  reject(slice: Slice | undefined, reason: string): readonly SingleSeriesRejection[] {
    this.#rejections++
    this.#reason = reason
    if (slice !== undefined) this.#suspects.push({ slice, reason })
    return this.#accepted ? this.#suspects.splice(0) : []
  }

  /** HTTP 413. Counts as a rejection only for a slice that cannot be split. Returns the series at fault. */
  tooLarge(slice: Slice | undefined, reason: string): readonly SingleSeriesRejection[] {
    this.#tooLarge++
    this.#reason = reason
    return slice === undefined ? [] : this.reject(slice, reason)
  }

  /** Nothing was accepted yet: time to send a test sample. */
  shouldProbe(isOver: boolean): boolean {
    const isEnough = this.#rejections >= probeAfter || this.#tooLarge >= probeTooLargeAfter
    return !this.#accepted && !this.#probed && (isOver || isEnough)
  }

  /** The receiver accepted the test sample. */
  onProbed(): void {
    this.#probed = true
  }

  /** The receiver accepts the test sample and nothing of this range. */
  rangeRejected(isOver: boolean): boolean {
    return !this.#accepted && this.#probed && (isOver || this.#rejections >= this.#maxRejections)
  }
}
