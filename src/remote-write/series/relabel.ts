import type { Entry } from '../../buffer/index.ts'
import type { Series, Snapshot } from '../../metrics/index.ts'

import type { Relabel } from '../../relabel/rules.ts'
import { type Log, type Message, report } from '../../util/log.ts'
import { type Label, labelsOf, sendable } from '../encode/labels.ts'

import { SeriesCache } from '../encode/series-cache.ts'
import { relabelMessages } from '../messages.ts'
import type { EndpointStats } from '../stats.ts'
import { LabelIndex, mayCollide } from './label-collisions.ts'

/** Which series an endpoint sends. */
export interface SeriesSelection {
  /** Allowlist of metric names, before relabeling; undefined means all. */
  readonly metrics?: ReadonlySet<string> | undefined
  readonly relabel?: Relabel | undefined
  /** Label limits of the receiver. Series that exceed them are dropped. */
  readonly limits?: LabelLimits | undefined
}

interface Deps {
  readonly log: Log
  readonly stats: EndpointStats
  readonly receiver: Readonly<Record<string, string>>
}

/** Result of relabeling a list of series. */
interface KeptSeries {
  readonly series: readonly Series[]
  /** Indexes of the kept series in the list; undefined if all are kept. */
  readonly indexes: readonly number[] | undefined
  readonly dropped: number
  /** Dropped because of a label limit. */
  readonly excessive: number
  /** Dropped because another series has the same labels. */
  readonly duplicates: number
}

/**
 * Decides which series an endpoint sends, and with which labels. The result is cached per series and per list of series.
 * Without rules and possible collisions, a snapshot is not changed.
 *
 * Series with the same labels after relabeling are one series for the receiver. If a snapshot has several of them, the
 * first is sent. If one replaces another over time, no stale marker is sent between them.
 */
export class Relabeller {
  readonly #selection: SeriesSelection
  readonly #deps: Deps
  /** The series that is sent for a series: itself or the first one with the same labels; undefined if dropped. */
  readonly #relabelled = new SeriesCache((series: Series) => this.#relabel(series))
  /** Series dropped because of a label limit. */
  readonly #excessive = new WeakSet<Series>()
  readonly #lists = new WeakMap<readonly Series[], KeptSeries>()
  readonly #labelIndex = new LabelIndex()
  readonly #reported = new Set<Message>()
  #countedTo = 0

  constructor(selection: SeriesSelection, deps: Deps) {
    this.#selection = selection
    this.#deps = deps
  }

  /** The relabelled entries. Dropped samples are counted once per entry. */
  entries(entries: readonly Entry[]): readonly Entry[] {
    if (entries.every(({ snapshot }) => this.#keptSeries(snapshot.series).series === snapshot.series)) return entries
    return entries.map(({ sequence, snapshot }) => {
      const kept = this.#keptSeries(snapshot.series)
      if (sequence > this.#countedTo) {
        this.#count('dropped_series', kept.dropped)
        this.#count('label_limit', kept.excessive)
        this.#count('duplicate_series', kept.duplicates)
        this.#countedTo = sequence
      }
      return { sequence, snapshot: reduced(snapshot, kept) }
    })
  }

  /** The last relabelled entry of which the dropped samples are counted. */
  counted({ sequence, snapshot }: Entry): Entry {
    return { sequence, snapshot: reduced(snapshot, this.#keptSeries(snapshot.series)) }
  }

  /** Labels of a series as it is sent. */
  labels(series: Series): readonly Label[] {
    const sent = this.#selection.relabel && this.#relabelled.one(series)
    return (sent && this.#labelIndex.labels(sent)) ?? labelsOf(series)
  }

  #relabel(series: Series): Series | undefined {
    const { metrics, relabel } = this.#selection
    const { family } = series
    if (metrics?.has(family.name + family.suffix) === false) return undefined
    if (relabel === undefined) return this.#exceedsLimits(labelsOf(series), series) ? undefined : series
    const labels = sendable(relabel(labelsOf(series)) ?? [])
    if (this.#exceedsLimits(labels, series)) return undefined
    if (labels.some(([name]) => name === '__name__')) return this.#labelIndex.first(labels, series)
    if (labels.length > 0) this.#report(relabelMessages.unnamedSeries, series)
    return undefined
  }

  #exceedsLimits(labels: readonly Label[], series: Series): boolean {
    const excess = excessOf(labels, this.#selection.limits ?? {})
    if (excess === undefined) return false
    this.#excessive.add(series)
    this.#report(relabelMessages.labelLimit, series, excess)
    return true
  }

  #keptSeries(list: readonly Series[]): KeptSeries {
    let kept = this.#lists.get(list)
    if (kept === undefined) this.#lists.set(list, (kept = this.#keepsAll(list) ? allOf(list) : this.#filter(list)))
    return kept
  }

  #keepsAll(list: readonly Series[]): boolean {
    const { metrics, relabel, limits } = this.#selection
    return metrics === undefined && relabel === undefined && limits === undefined && !mayCollide(list)
  }

  #filter(list: readonly Series[]): KeptSeries {
    const indexes: number[] = []
    const series = new Set<Series>()
    let duplicates = 0
    let excessive = 0
    const hasCollisions = this.#selection.relabel === undefined && mayCollide(list)
    list.forEach((one, index) => {
      const relabelled = this.#relabelled.one(one)
      const sent = relabelled && hasCollisions ? this.#labelIndex.first(labelsOf(relabelled), relabelled) : relabelled
      if (sent === undefined) {
        if (this.#excessive.has(one)) excessive++
        return
      }
      if (series.has(sent)) {
        duplicates++
        this.#report(relabelMessages.duplicateLabels, one)
      } else indexes.push(index)
      series.add(sent)
    })
    const keepsAll = indexes.length === list.length
    const dropped = list.length - indexes.length - duplicates - excessive
    return { series: [...series], indexes: keepsAll ? undefined : indexes, dropped, duplicates, excessive }
  }

  #count(reason: string, samples: number): void {
    const { samplesDropped } = this.#deps.stats
    if (samples > 0) samplesDropped.set(reason, (samplesDropped.get(reason) ?? 0) + samples)
  }

  /** Logs a message once, with the first series it applies to. */
  #report(message: Message, series: Series, why?: string): void {
    if (this.#reported.has(message)) return
    this.#reported.add(message)
    const { log, receiver } = this.#deps
    report(log, message, { ...receiver, series: Object.fromEntries(labelsOf(series)), why })
  }
}

const allOf = (series: readonly Series[]): KeptSeries => ({
  series,
  indexes: undefined,
  dropped: 0,
  excessive: 0,
  duplicates: 0,
})

function reduced(
  { timestampMs, values, ownTimestampsMs, starts }: Snapshot,
  { series, indexes }: KeptSeries,
): Snapshot {
  const at = (column: Float64Array) => (indexes === undefined ? column : picked(column, indexes))
  const own = ownTimestampsMs === undefined ? {} : { ownTimestampsMs: at(ownTimestampsMs) }
  return { timestampMs, series, values: at(values), ...own, starts }
}

/** Runs for each sample in each interval: a loop needs a tenth of the time of `Float64Array.from`. */
function picked(column: Float64Array, indexes: readonly number[]): Float64Array {
  const values = new Float64Array(indexes.length)
  for (let i = 0; i < indexes.length; i++) values[i] = column[indexes[i] as number] as number
  return values
}

/** Label limits of a receiver; undefined means no limit. Lengths are bytes of UTF-8. */
export interface LabelLimits {
  readonly labels?: number
  readonly nameBytes?: number
  readonly valueBytes?: number
}

/** Which limit a label set exceeds, as text; undefined if none. */
export function excessOf(labels: readonly Label[], limits: LabelLimits): string | undefined {
  const { labels: maxLabels = Number.POSITIVE_INFINITY, nameBytes, valueBytes } = limits
  if (labels.length > maxLabels) return `${labels.length} labels, label_limit is ${maxLabels}`
  for (const [name, value] of labels) {
    if (isLonger(name, nameBytes))
      return `label name of ${Buffer.byteLength(name)} bytes, label_name_length_limit is ${nameBytes}`
    if (isLonger(value, valueBytes))
      return `value of label ${name} has ${Buffer.byteLength(value)} bytes, label_value_length_limit is ${valueBytes}`
  }
  return undefined
}

/** A UTF-16 unit has at most three bytes of UTF-8, so most texts need no exact measurement. */
const isLonger = (text: string, maxBytes: number | undefined) =>
  maxBytes !== undefined && text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes
