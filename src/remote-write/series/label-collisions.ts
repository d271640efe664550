import type { Family, Series } from '../../metrics/index.ts'

import type { Label } from '../encode/labels.ts'

/** Index from relabelled label set to the first series that has it. */
export class LabelIndex {
  /** Series by label set (as JSON). A series that is no longer in use is garbage collected. */
  readonly #first = new Map<string, WeakRef<Series>>()
  readonly #labels = new WeakMap<Series, string>()
  /** Size at which entries of collected series are removed. */
  #sweepAt = 1024

  /** The first series with these labels that is still in use: possibly `series` itself. */
  first(labels: readonly Label[], series: Series): Series {
    const text = JSON.stringify(labels)
    const first = this.#first.get(text)?.deref()
    if (first !== undefined) return first
    if (this.#first.size >= this.#sweepAt) this.#sweep()
    this.#first.set(text, new WeakRef(series))
    this.#labels.set(series, text)
    return series
  }

  /** Labels of a series that `first` returned. */
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
 * Whether two of these series could have the same labels at a receiver, where an empty label equals no label: two
 * families have the same name and different label names, or a label has the name of an identity label.
 */
export function mayCollide(list: readonly Series[]): boolean {
  const byName = new Map<string, Family>()
  let previous: Series | undefined
  for (const series of list) {
    const { family, identity } = series
    if (family === previous?.family && identity === previous.identity) continue
    previous = series
    const name = family.name + family.suffix
    const other = byName.get(name)
    if (other !== undefined && `${other.labelNames}` !== `${family.labelNames}`) return true
    if (family.labelNames.some((label) => label in identity)) return true
    byName.set(name, family)
  }
  return false
}
