import type { Family, Labels, MetricType, Series, Since, Suffix } from '../../metrics/index.ts'

import { compress, decompress } from './column-codec.ts'
import { maxRecordBytes } from './format.ts'

/**
 * The JSON of a declarations record. Families, identities and series are numbered in the order of their declaration in
 * the segment. `first` contains the first number of each kind in this record, by which a reader recognizes the second
 * copy.
 */
interface Declaration {
  readonly first: readonly [families: number, identities: number, series: number]
  readonly families: readonly (readonly [string, Suffix, MetricType, string, readonly string[], Since?])[]
  readonly identities: readonly Labels[]
  /** Family, identity, label values. */
  readonly series: readonly (readonly [number, number, ...string[]])[]
}

/** Assigns numbers to the series of a segment that is being written. */
export class Declarations {
  readonly #families = new Map<Family, number>()
  readonly #identities = new Map<Labels, number>()
  readonly #series = new Map<Series, number>()
  #list: readonly Series[] = []
  #ids = new Uint32Array()

  get count(): number {
    return this.#series.size
  }

  /** The numbers of these series, and the payload that declares the new ones; undefined if there are none. */
  of(list: readonly Series[]): { readonly ids: Uint32Array; readonly payload: Buffer | undefined } {
    if (list === this.#list) return { ids: this.#ids, payload: undefined }
    const fresh = list.filter((series) => !this.#series.has(series))
    const payload = fresh.length === 0 ? undefined : this.#declare(fresh)
    this.#list = list
    this.#ids = Uint32Array.from(list, (series) => this.#series.get(series) as number)
    return { ids: this.#ids, payload }
  }

  #declare(fresh: readonly Series[]): Buffer {
    const first = [this.#families.size, this.#identities.size, this.#series.size] as const
    const families: Declaration['families'][number][] = []
    const identities: Labels[] = []
    const series: Declaration['series'][number][] = []
    for (const one of fresh) {
      if (this.#series.has(one)) continue
      const { family, identity } = one
      if (!this.#families.has(family)) {
        this.#families.set(family, this.#families.size)
        const { name, suffix, type, help, labelNames, since } = family
        families.push(since ? [name, suffix, type, help, labelNames, since] : [name, suffix, type, help, labelNames])
      }
      if (!this.#identities.has(identity)) {
        this.#identities.set(identity, this.#identities.size)
        identities.push(identity)
      }
      this.#series.set(one, this.#series.size)
      series.push([this.#families.get(family) ?? 0, this.#identities.get(identity) ?? 0, ...one.labelValues])
    }
    return compress(Buffer.from(JSON.stringify({ first, families, identities, series } satisfies Declaration)))
  }
}

/** Returns the one object of a series, so that a series from disk is identical to the collected series. */
export type Intern = (series: Omit<Series, 'ref'>) => Series

/** The series of a segment that is being read. */
export class KnownSeries {
  readonly #families: Family[] = []
  readonly #identities: Labels[] = []
  readonly #series: Series[] = []
  readonly #intern: Intern

  constructor(intern: Intern) {
    this.#intern = intern
  }

  get count(): number {
    return this.#series.length
  }

  /** The series with a number; undefined if both copies of its declaration are corrupt. */
  at(id: number): Series | undefined {
    return this.#series[id]
  }

  /** Reads a declarations record. Throws if the payload is invalid. */
  read(payload: Buffer): void {
    const { first, families, identities, series } = JSON.parse(
      decompress(payload, maxRecordBytes).toString(),
    ) as Declaration
    const [firstFamily, firstIdentity, firstSeries] = first
    if (this.#series[firstSeries] !== undefined) return // the second copy
    families.forEach(([name, suffix, type, help, labelNames, since], i) => {
      this.#families[firstFamily + i] = { name, suffix, type, help, labelNames, since }
    })
    identities.forEach((identity, i) => {
      this.#identities[firstIdentity + i] = identity
    })
    series.forEach(([family, identity, ...labelValues], i) => {
      const known = this.#families[family]
      if (known === undefined) return // both copies of the family's declaration are corrupt
      this.#series[firstSeries + i] = this.#intern({
        family: known,
        labelValues,
        identity: this.#identities[identity] ?? {},
      })
    })
  }
}
