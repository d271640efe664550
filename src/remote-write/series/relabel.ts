import type { Entry } from '../../buffer/index.ts'
import type { Series, Snapshot } from '../../metrics/index.ts'

import type { Relabel } from '../../relabel/rules.ts'
import { type Log, type Message, report } from '../../util/log.ts'
import { type Label, labelsOf, sendable } from '../encode/labels.ts'

import { SeriesCache } from '../encode/series-cache.ts'
import { relabelMessages } from '../messages.ts'
import type { EndpointStats } from '../stats.ts'
import { LabelIndex, mayCollide } from './label-collisions.ts'

/** What an endpoint wants of all that is collected. */
export interface SeriesSelection {
  /** Names of the metrics that are sent, by the names they were collected under; all where it is missing. */
  readonly metrics?: ReadonlySet<string> | undefined
  readonly relabel?: Relabel | undefined
  /** What the receiver takes of labels; series with more are not sent. */
  readonly limits?: LabelLimits | undefined
}

interface Deps {
  readonly log: Log
  readonly stats: EndpointStats
  readonly receiver: Readonly<Record<string, string>>
}

/** What is left of a list of series. */
interface KeptSeries {
  readonly series: readonly Series[]
  /** Their places in the list; undefined where none is missing. */
  readonly places: readonly number[] | undefined
  readonly dropped: number
  readonly excessive: number
  readonly doubled: number
}

/**
 * Which series an endpoint sends, and under which labels. Worked out once for each series, and once for each list of
 * them; where there are no rules, and no labels that could be the same, nothing is done at all.
 *
 * Series whose labels are or become the same are one series from there on: a receiver cannot tell them apart. In a
 * snapshot that has several of them the first one counts. Over time one may follow another, without a stale marker in between.
 */
export class Relabeller {
  readonly #wanted: SeriesSelection
  readonly #deps: Deps
  /** The series as which one is sent: itself or a namesake; undefined where it is dropped. */
  readonly #known = new SeriesCache((series: Series) => this.#relabel(series))
  /** Series with labels that are too much for the receiver. */
  readonly #excessive = new WeakSet<Series>()
  readonly #lists = new WeakMap<readonly Series[], KeptSeries>()
  readonly #labelIndex = new LabelIndex()
  readonly #reported = new Set<Message>()
  #countedTo = 0

  constructor(wanted: SeriesSelection, deps: Deps) {
    this.#wanted = wanted
    this.#deps = deps
  }

  /** What is sent of these. What is not is counted, once for each entry. */
  entries(entries: readonly Entry[]): readonly Entry[] {
    if (entries.every(({ snapshot }) => this.#left(snapshot.series).series === snapshot.series)) return entries
    return entries.map(({ sequence, snapshot }) => {
      const left = this.#left(snapshot.series)
      if (sequence > this.#countedTo) {
        this.#count('dropped_series', left.dropped)
        this.#count('label_limit', left.excessive)
        this.#count('duplicate_series', left.doubled)
        this.#countedTo = sequence
      }
      return { sequence, snapshot: narrowed(snapshot, left) }
    })
  }

  /** What is sent of one that was counted by the sender before this one. */
  counted({ sequence, snapshot }: Entry): Entry {
    return { sequence, snapshot: narrowed(snapshot, this.#left(snapshot.series)) }
  }

  /** The labels under which a series is sent. */
  labels(series: Series): readonly Label[] {
    const sent = this.#wanted.relabel && this.#known.one(series)
    return (sent && this.#labelIndex.labels(sent)) ?? labelsOf(series)
  }

  #relabel(series: Series): Series | undefined {
    const { metrics, relabel } = this.#wanted
    const { family } = series
    if (metrics?.has(family.name + family.suffix) === false) return undefined
    if (relabel === undefined) return this.#isTooMuch(labelsOf(series), series) ? undefined : series
    const labels = sendable(relabel(labelsOf(series)) ?? [])
    if (this.#isTooMuch(labels, series)) return undefined
    if (labels.some(([name]) => name === '__name__')) return this.#labelIndex.first(labels, series)
    if (labels.length > 0) this.#report(relabelMessages.unnamedSeries, series)
    return undefined
  }

  #isTooMuch(labels: readonly Label[], series: Series): boolean {
    const excess = excessOf(labels, this.#wanted.limits ?? {})
    if (excess === undefined) return false
    this.#excessive.add(series)
    this.#report(relabelMessages.labelLimit, series, excess)
    return true
  }

  #left(list: readonly Series[]): KeptSeries {
    let left = this.#lists.get(list)
    if (left === undefined) this.#lists.set(list, (left = this.#isAsIs(list) ? asIs(list) : this.#sift(list)))
    return left
  }

  #isAsIs(list: readonly Series[]): boolean {
    const { metrics, relabel, limits } = this.#wanted
    return metrics === undefined && relabel === undefined && limits === undefined && !mayCollide(list)
  }

  #sift(list: readonly Series[]): KeptSeries {
    const places: number[] = []
    const series = new Set<Series>()
    let doubled = 0
    let excessive = 0
    const clash = this.#wanted.relabel === undefined && mayCollide(list)
    list.forEach((one, place) => {
      const wanted = this.#known.one(one)
      const sent = wanted && clash ? this.#labelIndex.first(labelsOf(wanted), wanted) : wanted
      if (sent === undefined) {
        if (this.#excessive.has(one)) excessive++
        return
      }
      if (series.has(sent)) {
        doubled++
        this.#report(relabelMessages.duplicateLabels, one)
      } else places.push(place)
      series.add(sent)
    })
    const isRangeRejected = places.length === list.length
    const dropped = list.length - places.length - doubled - excessive
    return { series: [...series], places: isRangeRejected ? undefined : places, dropped, doubled, excessive }
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

const asIs = (series: readonly Series[]): KeptSeries => ({
  series,
  places: undefined,
  dropped: 0,
  excessive: 0,
  doubled: 0,
})

function narrowed(
  { timestampMs, values, ownTimestampsMs, starts }: Snapshot,
  { series, places }: KeptSeries,
): Snapshot {
  const at = (column: Float64Array) => (places === undefined ? column : picked(column, places))
  const own = ownTimestampsMs === undefined ? {} : { ownTimestampsMs: at(ownTimestampsMs) }
  return { timestampMs, series, values: at(values), ...own, starts }
}

/** In each interval for each sample: a loop takes a tenth of the time of `Float64Array.from`. */
function picked(column: Float64Array, places: readonly number[]): Float64Array {
  const values = new Float64Array(places.length)
  for (let i = 0; i < places.length; i++) values[i] = column[places[i] as number] as number
  return values
}

/** What a receiver takes of labels; a limit that is missing is none. Lengths are bytes of UTF-8. */
export interface LabelLimits {
  readonly labels?: number
  readonly nameBytes?: number
  readonly valueBytes?: number
}

/** In which way a label set is too much for a receiver; undefined where it is not. */
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

/** A character has at most three bytes for each unit of UTF-16: most texts need not be measured. */
const isLonger = (text: string, most: number | undefined) =>
  most !== undefined && text.length * 3 > most && Buffer.byteLength(text) > most
