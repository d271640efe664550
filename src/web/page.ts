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
  /** Self metrics, read at each request. */
  readonly own: () => Iterable<OwnStat>
  /** Includes `promhttp_*`, `process_*` and `nodejs_*`. */
  readonly exporterMetrics: boolean
}

/** A snapshot; `shown` says which of its samples are on the page. */
interface Source {
  readonly snapshot: Snapshot
  readonly shown: (at: number) => boolean
}

/** The samples of one family in one source. */
interface Share extends FamilyLayout {
  readonly source: Source
}

const empty: Snapshot = { timestampMs: 0, series: [], values: new Float64Array() }

/**
 * Writes the page: the samples of a cycle and the current self metrics, each family once. Writes bytes directly and caches
 * each line up to its value: pages built from strings left megabytes of garbage each.
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

/** The self metrics; empty on a failure, which is logged once while it lasts. */
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

/** The shares of each family in the order of the sources; families sorted by name. */
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
  let hasHead = false
  eachSample(shares, ({ prefix, at }, { head, source }) => {
    if (!hasHead) writer.write(head)
    hasHead = true
    writer.write(prefix)
    writer.write(` ${formatValue(source.snapshot.values[at] as number)}\n`)
  })
}

/** If two sources have the same series, the first source wins. If they have different types, so does its family. */
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

/** Maximum UTF-8 bytes for one UTF-16 code unit. */
const bytesPerUnit = 3

/** Writes text into a Buffer. Each page gets a new Buffer, because the server may still be sending the previous page. */
class Writer {
  #bytes: Buffer = Buffer.alloc(0)
  #length = 0
  /** Initial size for the next page: the size of the last page plus a margin. */
  #initialBytes = firstBytes

  begin(): void {
    this.#bytes = Buffer.allocUnsafe(this.#initialBytes)
    this.#length = 0
  }

  write(text: string): void {
    if (this.#length + text.length * bytesPerUnit > this.#bytes.length) this.#grow(text.length * bytesPerUnit)
    this.#length += this.#bytes.write(text, this.#length)
  }

  end(): Buffer {
    const page = this.#bytes.subarray(0, this.#length)
    this.#initialBytes = this.#length + 4096
    this.#bytes = Buffer.alloc(0)
    return page
  }

  #grow(atLeast: number): void {
    const larger = Buffer.allocUnsafe(this.#bytes.length * 2 + atLeast)
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
