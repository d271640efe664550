import type { Loss } from './reader.ts'

/** Samples that are lost and counted already, so that the gap they left is not counted once more. */
export class CountedLosses {
  #ranges: readonly Loss[] = []

  add({ from, to }: Loss): void {
    if (to <= from) return
    const apart = this.#ranges.filter((one) => one.to < from || one.from > to)
    const joined = this.#ranges.filter((one) => !apart.includes(one))
    const whole = {
      from: Math.min(from, ...joined.map((one) => one.from)),
      to: Math.max(to, ...joined.map((one) => one.to)),
    }
    this.#ranges = [...apart, whole]
  }

  /** How many of these samples have not been counted. */
  notYetCounted({ from, to }: Loss): number {
    return this.#ranges.reduce(
      (left, one) => left - Math.max(0, Math.min(to, one.to) - Math.max(from, one.from)),
      Math.max(0, to - from),
    )
  }

  /** What every endpoint is past need not be remembered. */
  forget(before: number): void {
    if (this.#ranges.some((one) => one.to <= before)) this.#ranges = this.#ranges.filter((one) => one.to > before)
  }
}
