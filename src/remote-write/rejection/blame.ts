import type { Slice } from './bisect.ts'

/** Refusals in a row after which the receiver itself is asked. */
const probeAfter = 3
/** As many of them that are too large: halves and their halves may well be. */
const probeTooLargeAfter = 8
/** Pieces in a row that are refused by a receiver which takes other samples: then the range is refused as a whole. */
const wholeAfter = 15

/** A piece that cannot be cut further, and what the receiver said to it. */
export interface SingleSeriesRejection {
  readonly piece: Slice
  readonly reason: string
}

/**
 * Who is at fault for the refusals of one range: a series, for which nobody is blamed before something else of the same
 * range was taken; the range as a whole, as when it is too old; or the receiver, which refuses whatever it is sent.
 */
export class BlameTracker {
  /** An answer to something of the range has got lost. */
  uncertain: boolean
  #suspected = false
  #accepted = false
  #asked = false
  #rejections = 0
  #tooLarge = 0
  #reason = ''
  #suspects: SingleSeriesRejection[] = []
  readonly #mostRefusals: number

  /** `quick` after a range that was refused as a whole: this one most likely is, too. */
  constructor(uncertain: boolean, quick: boolean) {
    this.uncertain = uncertain
    this.#mostRefusals = quick ? probeAfter : wholeAfter
  }

  /** True the first time: whether somebody else sends under the same labels is asked once for a range. */
  suspect(): boolean {
    const isFirst = !this.#suspected
    this.#suspected = true
    return isFirst
  }

  /** What the receiver said last. */
  get reason(): string {
    return this.#reason
  }

  /** Some of it is refused and some is taken: now it is a matter of finding out which. */
  get isSearching(): boolean {
    return this.#accepted && this.#rejections > 0
  }

  get suspects(): readonly SingleSeriesRejection[] {
    return this.#suspects
  }

  /** The receiver took something of the range: gives those of which it is now known that they are at fault. */
  accept(): readonly SingleSeriesRejection[] {
    this.#accepted = true
    return this.#suspects.splice(0)
  }

  /** The receiver refused something. Gives those that are at fault. */
  refuse(piece: Slice | undefined, reason: string): readonly SingleSeriesRejection[] {
    this.#rejections++
    this.#reason = reason
    if (piece !== undefined) this.#suspects.push({ piece, reason })
    return this.#accepted ? this.#suspects.splice(0) : []
  }

  /** Something is too large, and sent in parts: no refusal but of what has none. Gives those that are at fault. */
  tooLarge(piece: Slice | undefined, reason: string): readonly SingleSeriesRejection[] {
    this.#tooLarge++
    this.#reason = reason
    return piece === undefined ? [] : this.refuse(piece, reason)
  }

  /** Nothing was taken so far, and it is time to find out whether the receiver takes anything at all. */
  shouldProbe(isOver: boolean): boolean {
    const isEnough = this.#rejections >= probeAfter || this.#tooLarge >= probeTooLargeAfter
    return !this.#accepted && !this.#asked && (isOver || isEnough)
  }

  /** The receiver takes other samples. */
  onProbed(): void {
    this.#asked = true
  }

  /** The receiver takes other samples and none of this range. */
  rangeRejected(isOver: boolean): boolean {
    return !this.#accepted && this.#asked && (isOver || this.#rejections >= this.#mostRefusals)
  }
}
