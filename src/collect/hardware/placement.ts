import type { Dir } from '../../host/index.ts'
import type { SlowestRead } from './protocol.ts'

/** Limits of a fast interval: of each read, and of the collector as a whole. */
const fast = { readMs: 20, collectorMs: 100 }
/** A collector moves to this process after so many fast intervals in a row. */
const fastIntervals = 3
/** Time until a collector that did not answer runs again; it doubles with each failure in a row. */
const retryMs = { first: 30_000, most: 600_000 }

/** Where a collector runs: `absent` is in this process too, as long as the host has no such hardware. */
type Place = 'absent' | 'helper' | 'here'

/** `delayMs`: the part of the time for which the process had no processor. */
export const isFast = (slowest: SlowestRead, seconds: number, delayMs = 0): boolean =>
  slowest.ms - delayMs <= fast.readMs && seconds * 1000 - delayMs <= fast.collectorMs

/** Where one collector runs, and since when it does not answer. */
export class Placement {
  readonly name: string
  readonly patterns: readonly string[]
  place: Place = 'absent'
  /** Failures to answer, in a row. */
  failures = 0
  /** Why it did not answer, and when it runs again, monotonic milliseconds. */
  problem: { readonly error: Error; readonly untilMs: number } | undefined
  #fastIntervals = 0

  constructor(name: string, patterns: readonly string[]) {
    this.name = name
    this.patterns = patterns
  }

  /** Whether it is absent and the host has its hardware now. */
  hasAppeared(sys: Dir): boolean {
    return this.place === 'absent' && this.patterns.some((one) => mayExist(sys, one))
  }

  moveTo(place: 'helper' | 'here'): void {
    this.place = place
    this.#fastIntervals = 0
  }

  /** It has answered in a helper process. */
  answered(wasFast: boolean): void {
    this.failures = 0
    this.problem = undefined
    this.#fastIntervals = wasFast ? this.#fastIntervals + 1 : 0
    if (this.#fastIntervals >= fastIntervals) this.moveTo('here')
  }

  /** It has not answered. */
  failed(error: Error, nowMs: number): void {
    this.#fastIntervals = 0
    const waitMs = Math.min(retryMs.first * 2 ** this.failures, retryMs.most)
    this.failures++
    this.problem = { error, untilMs: nowMs + waitMs }
  }
}

/** Whether the directory of the first element with `*` has such an entry. Does not read a file. */
function mayExist(sys: Dir, pattern: string): boolean {
  const elements = pattern.split('/')
  const at = elements.findIndex((element) => element.includes('*'))
  if (at < 0) return sys.exists(pattern)
  const [prefix = ''] = elements[at]?.split('*') ?? []
  return sys.at(elements.slice(0, at).join('/')).children(prefix).length > 0
}
