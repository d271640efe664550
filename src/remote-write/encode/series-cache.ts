import type { Series } from '../../metrics/index.ts'

/** Lists of series whose answers are kept: a live one and the few of a backlog that is being read. */
const keptLists = 4

/**
 * What has been worked out once for each series at one endpoint. Snapshots that share their list of series share the
 * list of answers, so that in the steady state nothing is looked up at all.
 */
export class SeriesCache<T> {
  readonly #work: (series: Series) => T
  readonly #bySeries = new WeakMap<Series, { readonly answer: T }>()
  #lists: (readonly [series: readonly Series[], answers: readonly T[]])[] = []

  constructor(work: (series: Series) => T) {
    this.#work = work
  }

  /** One answer for each series, in their order. */
  of(series: readonly Series[]): readonly T[] {
    const kept = this.#lists.find(([list]) => list === series)
    if (kept !== undefined) return kept[1]
    const answers = series.map((one) => this.one(one))
    this.#lists = [[series, answers] as const, ...this.#lists].slice(0, keptLists)
    return answers
  }

  one(series: Series): T {
    let known = this.#bySeries.get(series)
    if (known === undefined) this.#bySeries.set(series, (known = { answer: this.#work(series) }))
    return known.answer
  }
}
