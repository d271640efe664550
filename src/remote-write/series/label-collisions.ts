import type { Family, Series } from '../../metrics/index.ts'

import type { Label } from '../encode/labels.ts'

/** Series by the labels that relabelling gave them: those with the same labels are the first of them. */
export class LabelIndex {
  /** By labels as text; a series that nobody holds any more has no say. */
  readonly #first = new Map<string, WeakRef<Series>>()
  readonly #labels = new WeakMap<Series, string>()
  /** Size at which those that are gone are swept out. */
  #sweepAt = 1024

  /** The first series of these labels that is still there: it may be this one. */
  first(labels: readonly Label[], series: Series): Series {
    const text = JSON.stringify(labels)
    const known = this.#first.get(text)?.deref()
    if (known !== undefined) return known
    if (this.#first.size >= this.#sweepAt) this.#sweep()
    this.#first.set(text, new WeakRef(series))
    this.#labels.set(series, text)
    return series
  }

  /** The labels of a series that was the first. */
  labels(series: Series): readonly Label[] | undefined {
    const text = this.#labels.get(series)
    return text === undefined ? undefined : (JSON.parse(text) as readonly Label[])
  }

  #sweep(): void {
    for (const [text, series] of this.#first) if (series.deref() === undefined) this.#first.delete(text)
    this.#sweepAt = Math.max(1024, this.#first.size * 2)
  }
}

/**
 * Whether two of these could have the same labels at a receiver, for which a label without a value is none: families of
 * one name with labels of other names, or a label that says what the identity would say without it.
 */
export function mayCollide(list: readonly Series[]): boolean {
  const known = new Map<string, Family>()
  let before: Series | undefined
  for (const series of list) {
    const { family, identity } = series
    if (family === before?.family && identity === before.identity) continue
    before = series
    const name = family.name + family.suffix
    const namesake = known.get(name)
    if (namesake !== undefined && `${namesake.labelNames}` !== `${family.labelNames}`) return true
    if (family.labelNames.some((label) => label in identity)) return true
    known.set(name, family)
  }
  return false
}
