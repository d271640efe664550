import type { Labels, Series } from '../../metrics/index.ts'

import type { Intern } from './series-dictionary.ts'

/**
 * Maps a series from disk to the object of the same series in the newest snapshots or in the previously read segment.
 * So a series has one object across segments and restarts. A different help text does not make a different series.
 */
export class SeriesPool {
  readonly #live: () => Iterable<readonly Series[]>
  #seeded = new WeakSet<readonly Series[]>()
  #collected = new Map<string, Series>()
  #current = new Map<string, Series>()
  #before = new Map<string, Series>()
  /** Negative, to differ from the references of collected series. */
  #nextRef = -1

  /** `live` returns the series lists of the newest snapshots. */
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

  /** Called before each segment. Keeps the series of the previous segment and removes older ones. */
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
  let identityKey = identityKeys.get(identity)
  if (identityKey === undefined) {
    identityKey = JSON.stringify(Object.entries(identity).sort(([left], [right]) => (left < right ? -1 : 1)))
    identityKeys.set(identity, identityKey)
  }
  const { name, suffix, type, labelNames, since } = family
  const own = typeof since === 'number' ? [since] : []
  return JSON.stringify([name, suffix, type, labelNames, labelValues, identityKey, ...own])
}
