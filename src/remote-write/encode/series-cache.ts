import type { Series } from '../../metrics/index.ts'

/** Number of cached lists: the live one and a few of a backlog. */
const maxLists = 4

/**
 * Caches a value per series at one endpoint. Snapshots that share a list of series share the list of values, so that the
 * steady state needs no lookup per series.
 */
export class SeriesCache<T> {
  readonly #compute: (series: Series) => T
  readonly #bySeries = new WeakMap<Series, { readonly value: T }>()
  #lists: (readonly [series: readonly Series[], values: readonly T[]])[] = []

  constructor(compute: (series: Series) => T) {
    this.#compute = compute
  }

  /** The values of a list of series, in order. */
  of(series: readonly Series[]): readonly T[] {
    const cached = this.#lists.find(([list]) => list === series)
    if (cached !== undefined) return cached[1]
    const values = series.map((one) => this.one(one))
    this.#lists = [[series, values] as const, ...this.#lists].slice(0, maxLists)
    return values
  }

  one(series: Series): T {
    let cached = this.#bySeries.get(series)
    if (cached === undefined) this.#bySeries.set(series, (cached = { value: this.#compute(series) }))
    return cached.value
  }
}
