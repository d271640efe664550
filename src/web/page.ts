import type { CollectionResult } from '../collect/index.ts'
import {
  byCodeUnit,
  type FamilyLayout,
  formatValue,
  layoutOf,
  type SampleLayout,
  type Snapshot,
} from '../metrics/index.ts'
import { type Log, report } from '../util/log.ts'
import { messages } from './messages.ts'
import { type OwnMetrics, type OwnStat, openRegistry } from './registry.ts'
import { type Collectors, shownOf } from './selection.ts'
import { statsOf, type WebStats } from './stats.ts'

interface Deps {
  readonly log: Log
  readonly stats: WebStats
  /** The agent's own numbers, asked at each request. */
  readonly own: () => Iterable<OwnStat>
  /** Whether the page says how this process and its page fare. */
  readonly exporterMetrics: boolean
}

/** A snapshot, and which of its samples are on the page. */
interface Source {
  readonly snapshot: Snapshot
  readonly shown: (at: number) => boolean
}

/** One source's share of a family. */
interface Share extends FamilyLayout {
  readonly source: Source
}

const empty: Snapshot = { timestampMs: 0, series: [], values: new Float64Array() }

/**
 * Makes the page: a cycle's samples and the agent's own metrics of this moment, each family once. It goes straight into
 * bytes, with lines that are kept up to their values: built of strings, each page left megabytes of garbage.
 */
export function createPage(deps: Deps): (cycle: CollectionResult, collectors: Collectors) => Promise<Buffer> {
  const { exporterMetrics } = deps
  const own = createOwn(deps)
  const writer = new Writer()
  return async (cycle, collectors) => {
    const live = { snapshot: await own(), shown: () => true }
    const host = { snapshot: cycle.snapshot, shown: shownOf(cycle, { collectors, exporterMetrics }) }
    writer.begin()
    for (const shares of familiesOf([live, host])) writeFamily(writer, shares)
    return writer.end()
  }
}

/** The agent's own metrics. A failure costs these alone, and is said once while it lasts. */
function createOwn({ log, stats, own, exporterMetrics }: Deps): () => Promise<Snapshot> {
  let opened: Promise<OwnMetrics> | undefined
  let failed = false
  return async () => {
    try {
      const metricsOf = await (opened ??= openRegistry(exporterMetrics))
      const snapshot = await metricsOf([...(exporterMetrics ? statsOf(stats) : []), ...own()])
      failed = false
      return snapshot
    } catch (error) {
      stats.errors.gathering++
      if (!failed) report(log, messages.selfMetricsFailed, { err: error })
      failed = true
      return empty
    }
  }
}

/** Each family's shares, in the order of the sources; families by name. */
function familiesOf(sources: readonly Source[]): Iterable<readonly Share[]> {
  const shares = sources.flatMap((source) =>
    layoutOf(source.snapshot.series).map((family): Share => ({ ...family, source })),
  )
  return Map.groupBy(
    shares.sort((left, right) => byCodeUnit(left.name, right.name)),
    ({ name }) => name,
  ).values()
}

function writeFamily(writer: Writer, shares: readonly Share[]): void {
  let begun = false
  eachSample(shares, ({ prefix, at }, { head, source }) => {
    if (!begun) writer.write(head)
    begun = true
    writer.write(prefix)
    writer.write(` ${formatValue(source.snapshot.values[at] as number)}\n`)
  })
}

/** Of a series that two sources have, the first one's counts; of two types under one name, the first one's family. */
function eachSample(shares: readonly Share[], write: (sample: SampleLayout, share: Share) => void): void {
  const [first] = shares
  if (first === undefined) return
  if (shares.length === 1) {
    for (const sample of first.samples) if (first.source.shown(sample.at)) write(sample, first)
    return
  }
  const found = new Map<string, { readonly sample: SampleLayout; readonly share: Share }>()
  for (const share of shares) {
    if (share.type !== first.type) continue
    for (const sample of share.samples)
      if (share.source.shown(sample.at) && !found.has(sample.prefix)) found.set(sample.prefix, { sample, share })
  }
  const inOrder = [...found.values()].sort((left, right) => byCodeUnit(left.sample.key, right.sample.key))
  for (const { sample, share } of inOrder) write(sample, share)
}

const firstBytes = 64 * 1024

/** No character takes more in UTF-8 than this for each of its code units. */
const bytesPerUnit = 3

/** Text as bytes, page after page. Each page is a Buffer of its own: one may still be on its way out. */
class Writer {
  #bytes: Buffer = Buffer.alloc(0)
  #length = 0
  /** As much as the last page took, and a little. */
  #enough = firstBytes

  begin(): void {
    this.#bytes = Buffer.allocUnsafe(this.#enough)
    this.#length = 0
  }

  write(text: string): void {
    if (this.#length + text.length * bytesPerUnit > this.#bytes.length) this.#grow(text.length * bytesPerUnit)
    this.#length += this.#bytes.write(text, this.#length)
  }

  end(): Buffer {
    const page = this.#bytes.subarray(0, this.#length)
    this.#enough = this.#length + 4096
    this.#bytes = Buffer.alloc(0)
    return page
  }

  #grow(atLeast: number): void {
    const larger = Buffer.allocUnsafe(this.#bytes.length * 2 + atLeast)
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
