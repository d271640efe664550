import type { Labels, Series } from '../../metrics/index.ts'

import type { Intern } from './series-dictionary.ts'

/**
 * Gives a series that is read back the object that it has elsewhere: among what is collected now, or in the segment
 * read before. So a series stays one series across segments and restarts. Help may have changed meanwhile; that does
 * not make another series of it.
 */
export class SeriesPool {
  readonly #live: () => Iterable<readonly Series[]>
  #seeded = new WeakSet<readonly Series[]>()
  #collected = new Map<string, Series>()
  #current = new Map<string, Series>()
  #before = new Map<string, Series>()
  /** Below zero, so that they are no collected series' numbers. */
  #nextRef = -1

  /** `live` gives the lists of series of the newest snapshots. */
  constructor(live: () => Iterable<readonly Series[]>) {
    this.#live = live
  }

  readonly intern: Intern = (declared) => {
    this.#seed()
    const key = keyOf(declared)
    const known = this.#collected.get(key) ??
      this.#current.get(key) ??
      this.#before.get(key) ?? { ref: this.#nextRef--, ...declared }
    this.#current.set(key, known)
    return known
  }

  /** A new segment begins: what the one before the last had, and no later one, is forgotten. */
  startSegment(): void {
    this.#before = this.#current
    this.#current = new Map()
    this.#collected = new Map()
    this.#seeded = new WeakSet()
  }

  #seed(): void {
    for (const list of this.#live()) {
      if (this.#seeded.has(list)) continue
      this.#seeded.add(list)
      for (const series of list) this.#collected.set(keyOf(series), series)
    }
  }
}

const identityKeys = new WeakMap<Labels, string>()

function keyOf({ family, labelValues, identity }: Omit<Series, 'ref'>): string {
  let whose = identityKeys.get(identity)
  if (whose === undefined) {
    whose = JSON.stringify(Object.entries(identity).sort(([left], [right]) => (left < right ? -1 : 1)))
    identityKeys.set(identity, whose)
  }
  const { name, suffix, type, labelNames, since } = family
  const own = typeof since === 'number' ? [since] : []
  return JSON.stringify([name, suffix, type, labelNames, labelValues, whose, ...own])
}
