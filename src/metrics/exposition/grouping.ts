import type { Labels, MetricType, Suffix } from '../family.ts'
import { parseValue, type SampleLine } from './line.ts'
import { fault, named } from './text-fault.ts'
import { emptySize, TextLimitError, type TextLimits, textLimits } from './text-limits.ts'
import { formatValue, seriesText } from './write.ts'

export interface ReadSample {
  readonly suffix: Suffix
  readonly labels: Labels
  readonly value: number
  readonly timestampMs: number | undefined
  /** Start of the counter, milliseconds since the epoch, if the text has it. */
  readonly createdMs?: number
}

export interface ReadFamily {
  readonly name: string
  readonly type: MetricType
  /** Empty if the text has no HELP line. */
  readonly help: string
  readonly samples: readonly ReadSample[]
}

/** A family during parsing. */
interface Open {
  readonly name: string
  /** Fixed by a TYPE line or by the first sample. */
  type: MetricType | undefined
  help: string
  readonly samples: ReadSample[]
  /** Groups of a histogram or summary, by labels. */
  readonly groups: Map<string, Group>
  /** Start time by labels, milliseconds since the epoch. */
  readonly created: Map<string, number>
}

/** The series of one histogram or summary: same labels, except for `le` or `quantile`. */
interface Group {
  readonly labels: Labels
  readonly bounds: Map<number, number>
  sum: number
  count: number
  timestampMs: number | undefined
}

/** Types that consist of several series: label of the bound, and suffix of the series that have it. */
const compound: { readonly [type in MetricType]?: { readonly label: string; readonly suffix: Suffix } } = {
  histogram: { label: 'le', suffix: '_bucket' },
  summary: { label: 'quantile', suffix: '' },
}

/** Groups samples into families during parsing. */
export class Families {
  readonly #found = new Map<string, Open>()
  readonly #seriesSeen: Set<string> | undefined
  readonly #limits: TextLimits
  readonly size = emptySize()

  /** `repeats`: a second sample of a series replaces the first one, or is an error. */
  constructor(repeats: 'replace' | 'reject', limits: TextLimits = textLimits) {
    this.#seriesSeen = repeats === 'reject' ? new Set() : undefined
    this.#limits = limits
  }

  /** Counts a line. Throws TextLimitError above the limit. */
  countLine(): void {
    const { maxLines } = this.#limits
    if (++this.size.lines > maxLines) throw new TextLimitError(`more than ${maxLines} lines`)
  }

  help(name: string, text: string): void {
    const { family } = this.#of(name)
    if (family.help !== '') throw fault`second HELP line for ${named(family.name)}`
    family.help = text
  }

  type(name: string, type: MetricType): void {
    const { family } = this.#of(name)
    if (family.type !== undefined) throw fault`second TYPE line for ${named(family.name)}, or TYPE after its samples`
    family.type = type
  }

  has(name: string): boolean {
    return this.#found.has(name)
  }

  add(sample: SampleLine): void {
    const { name, labels, value, timestampMs } = sample
    this.#count(labels.size)
    this.#rejectRepeat(sample)
    const { family, suffix } = this.#of(name)
    family.type ??= 'untyped'
    const parts = compound[family.type]
    if (parts === undefined) {
      family.samples.push({ suffix, labels: Object.fromEntries(labels), value, timestampMs })
      return
    }
    const group = groupOf(family, labels, parts.label)
    const text = labels.get(parts.label)
    const bound = text === undefined ? Number.NaN : parseValue(text, `a number as ${parts.label}`)
    if (family.type === 'histogram' && suffix !== '_sum' && value < 0)
      throw fault`${named(name)} has an invalid count: ${named(String(value))}`
    group.timestampMs = timestampMs ?? group.timestampMs
    if (suffix === '_sum') group.sum = value
    else if (suffix === '_count') group.count = family.type === 'summary' ? Math.trunc(value) : value
    else if (suffix === parts.suffix && !Number.isNaN(bound)) group.bounds.set(bound, value)
  }

  /** Sets the start time of the series with these labels. */
  created(name: string, labels: SampleLine['labels'], createdMs: number): void {
    if (Number.isFinite(createdMs)) this.#of(name).family.created.set(keyOf(labels), createdMs)
  }

  /** The families with samples, in the order of their first line. */
  read(): ReadFamily[] {
    return [...this.#found.values()].map(closed).filter(({ samples }) => samples.length > 0)
  }

  /** A name with a suffix belongs to the histogram or summary, unless a family with the exact name exists. */
  #of(name: string): { readonly family: Open; readonly suffix: Suffix } {
    const exact = this.#found.get(name)
    if (exact !== undefined) return { family: exact, suffix: '' }
    const suffix = (['_count', '_sum', '_bucket'] as const).find((one) => name.endsWith(one)) ?? ''
    const owner = suffix === '' ? undefined : this.#found.get(name.slice(0, -suffix.length))
    if (owner?.type === 'histogram' || (owner?.type === 'summary' && suffix !== '_bucket'))
      return { family: owner, suffix }
    const family: Open = { name, type: undefined, help: '', samples: [], groups: new Map(), created: new Map() }
    this.#found.set(name, family)
    return { family, suffix: '' }
  }

  #count(labels: number): void {
    const { maxSeries, maxLabels } = this.#limits
    if (++this.size.series > maxSeries) throw new TextLimitError(`more than ${maxSeries} series`)
    this.size.labels += labels
    if (this.size.labels > maxLabels) throw new TextLimitError(`more than ${maxLabels} labels`)
  }

  #rejectRepeat({ name, labels }: SampleLine): void {
    if (this.#seriesSeen === undefined) return
    const series = seriesText(name, [...labels].sort())
    if (this.#seriesSeen.has(series)) throw fault`${named(series)} appears twice`
    this.#seriesSeen.add(series)
  }
}

function groupOf({ groups }: Open, labels: SampleLine['labels'], boundLabel: string): Group {
  const own = [...labels].filter(([label]) => label !== boundLabel)
  const key = keyOf(own)
  let group = groups.get(key)
  if (group === undefined) {
    group = { labels: Object.fromEntries(own), bounds: new Map(), sum: 0, count: 0, timestampMs: undefined }
    groups.set(key, group)
  }
  return group
}

function closed({ name, type = 'untyped', help, samples, groups, created }: Open): ReadFamily {
  const createdAt = (key: string) => {
    const createdMs = created.get(key)
    return createdMs === undefined ? {} : { createdMs }
  }
  const dated = (one: ReadSample) => ({ ...one, ...createdAt(keyOf(Object.entries(one.labels))) })
  const parts = [...groups].flatMap(([key, group]) => [...samplesOf(group, type, createdAt(key))])
  return { name, type, help, samples: [...(created.size === 0 ? samples : samples.map(dated)), ...parts] }
}

const keyOf = (labels: Iterable<readonly [string, string]>) => JSON.stringify([...labels].sort())

function* samplesOf(group: Group, type: MetricType, created: Pick<ReadSample, 'createdMs'>): Generator<ReadSample> {
  const { labels, bounds, sum, count, timestampMs } = group
  const timestamps = { timestampMs, ...created }
  const { label, suffix } = compound[type] ?? { label: '', suffix: '' }
  if (type === 'histogram' && !bounds.has(Infinity)) bounds.set(Infinity, count)
  for (const [bound, value] of bounds)
    yield { suffix, labels: { ...labels, [label]: formatValue(bound) }, value, ...timestamps }
  yield { suffix: '_sum', labels, value: sum, ...timestamps }
  yield { suffix: '_count', labels, value: count, ...timestamps }
}
