import type { Family } from '../../src/metrics/family.ts'
import type { Series } from '../../src/metrics/series.ts'
import type { Snapshot } from '../../src/metrics/snapshot.ts'
import type { Relabel } from '../../src/relabel/rules.ts'
import type { ReadMetadata, ReadSample } from './judge.ts'

/** Expected content of one request. A label set is the JSON of [name, value, name, value, …]. */
export interface Expected {
  readonly samples: ReadonlyMap<string, readonly ReadSample[]>
  /** Families of the series with these labels: more than one only if rules give several series the same labels. */
  readonly families: ReadonlyMap<string, ReadonlySet<Family>>
}

export const staleBits = '7ff0000000000002'
/** JavaScript has one NaN; other NaN bits are not preserved. */
const nanBits = '7ff8000000000000'
const metadataTypes = {
  untyped: 'UNKNOWN',
  counter: 'COUNTER',
  gauge: 'GAUGE',
  histogram: 'HISTOGRAM',
  summary: 'SUMMARY',
}

/** The expected bits of a value. */
function bitsOf(value: number): string {
  if (Number.isNaN(value)) return nanBits
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes.toString('hex')
}

/** Bits for comparison: every NaN except a stale marker is the same. */
export const comparable = (bits: string): string =>
  bits !== staleBits && Number.isNaN(Buffer.from(bits, 'hex').readDoubleBE()) ? nanBits : bits

/** Labels as the specification requires: family labels win over identity labels, none empty, sorted by bytes. */
function labelsOf({ family, labelValues, identity }: Series, relabel: Relabel | undefined): string | undefined {
  const own = family.labelNames.map((name, i) => [name, labelValues[i] ?? ''] as const)
  const all = new Map([
    ...Object.entries(identity),
    ...own.filter(([, value]) => value !== ''),
    ['__name__', family.name + family.suffix] as const,
  ])
  const before = sent([...all])
  if (relabel === undefined) return JSON.stringify(before.flat())
  const after = sent([...(relabel(before) ?? [])]).filter(([name]) => name === '__name__' || !name.startsWith('__'))
  return after.some(([name]) => name === '__name__') ? JSON.stringify(after.flat()) : undefined
}

const sent = (labels: readonly (readonly [string, string])[]) =>
  labels
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [name, value.toWellFormed()] as const)
    .sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)))

/** Expected requests of an endpoint with these rules. */
export class Expectation {
  readonly #relabel: Relabel | undefined
  readonly #labels = new Map<Series, string | undefined>()
  readonly #families = new Map<string, Set<Family>>()
  /** Label sets of the last snapshot, and whether their sample had an explicit timestamp. */
  #before: ReadonlyMap<string, boolean> = new Map()

  constructor(relabel: Relabel | undefined) {
    this.#relabel = relabel
  }

  next(snapshots: readonly Snapshot[]): Expected {
    const samples = new Map<string, ReadSample[]>()
    const add = (key: string, sample: ReadSample) => {
      const row = samples.get(key)
      if (row === undefined) samples.set(key, [sample])
      else row.push(sample)
    }
    for (const { timestampMs, series, values, ownTimestampsMs, starts } of snapshots) {
      const now = new Map<string, boolean>()
      series.forEach((one, i) => {
        const key = this.#key(one)
        if (key === undefined || now.has(key)) return
        const own = ownTimestampsMs?.[i] ?? Number.NaN
        const atMs = Number.isNaN(own) ? timestampMs : own
        const { since } = one.family
        const startMs = typeof since === 'number' ? since : ((since && starts?.[since]) ?? 0)
        now.set(key, !Number.isNaN(own))
        add(key, [bitsOf(values[i] ?? 0), atMs, startMs < atMs ? startMs : 0])
      })
      for (const [key, hadTime] of this.#before) if (!hadTime && !now.has(key)) add(key, [staleBits, timestampMs, 0])
      this.#before = now
    }
    return { samples, families: this.#families }
  }

  #key(series: Series): string | undefined {
    if (!this.#labels.has(series)) this.#labels.set(series, labelsOf(series, this.#relabel))
    const key = this.#labels.get(series)
    if (key !== undefined) this.#families.set(key, (this.#families.get(key) ?? new Set()).add(series.family))
    return key
  }
}

/** Expected type and help of a family. */
export const metadataOf = ({ type, help }: Family): ReadMetadata => ({
  type: metadataTypes[type],
  ...(help !== '' && { help: help.toWellFormed() }),
})
