/*
 * Reads the text exposition format 0.0.4 as strictly as node_exporter does: one fault refuses the whole text.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 *
 * Histograms and summaries are put together from their series and taken apart again: what is missing of `_sum`,
 * `_count` and the `+Inf` bucket is added, bounds are written as Go prints them, and of two samples of one bound the
 * last one counts. Metric and label names are those of the classic data model, though they may stand in quotes.
 */
import { isUtf8 } from 'node:buffer'
import type { Labels, MetricType, Suffix } from './family.ts'
import { metricName, parseSample, parseValue, type SampleLine, unescaped } from './line.ts'
import { formatValue } from './text.ts'

export interface ReadSample {
  readonly suffix: Suffix
  readonly labels: Labels
  readonly value: number
  readonly timestampMs: number | undefined
}

export interface ReadFamily {
  readonly name: string
  readonly type: MetricType
  /** Empty where the text has none. */
  readonly help: string
  readonly samples: readonly ReadSample[]
}

/** The families of a text that have samples, in its order. Throws an Error that begins with `line N: `. */
export function readText(text: string | Uint8Array): ReadFamily[] {
  const lines = (typeof text === 'string' ? text : decoded(text)).split('\n')
  const found: Found = new Map()
  lines.forEach((line, i) => {
    try {
      readLine(line, found)
      if (i === lines.length - 1 && !isBlank(line)) throw new Error('the last line has no end')
    } catch (error) {
      throw new Error(`line ${i + 1}: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
  return [...found.values()].map(closed).filter(({ samples }) => samples.length > 0)
}

/** A help may be in any encoding; a sample must be UTF-8. */
function decoded(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(text)) return text.toString()
  const isBad = (line: string) => !isUtf8(Buffer.from(line, 'latin1')) && !/^[ \t]*#/.test(line)
  const bad = text.toString('latin1').split('\n').findIndex(isBad)
  if (bad >= 0) throw new Error(`line ${bad + 1}: it is not UTF-8`)
  return text.toString()
}

/** A family while it is read. */
interface Open {
  readonly name: string
  /** Fixed by a TYPE line or by the first sample. */
  type: MetricType | undefined
  help: string
  readonly samples: ReadSample[]
  /** Of a histogram or summary, by their labels. */
  readonly groups: Map<string, Group>
}

type Found = Map<string, Open>

/** The series of one histogram or summary: those whose labels are the same but for that of the bound. */
interface Group {
  readonly labels: Labels
  readonly bounds: Map<number, number>
  sum: number
  count: number
  timestampMs: number | undefined
}

/** The types that are made of several series: which label bounds a part, and the suffix of the parts' series. */
const compound: { readonly [type in MetricType]?: { readonly label: string; readonly suffix: Suffix } } = {
  histogram: { label: 'le', suffix: '_bucket' },
  summary: { label: 'quantile', suffix: '' },
}

const types = new Set<string>(['counter', 'gauge', 'histogram', 'summary', 'untyped'] satisfies MetricType[])

const isBlank = (line: string) => /^[ \t]*$/.test(line)

function readLine(line: string, found: Found): void {
  if (/^[ \t]*#/.test(line)) readComment(line, found)
  else if (!isBlank(line)) readSample(parseSample(line), found)
}

/** `# HELP name text` and `# TYPE name word`; any other comment says nothing. */
function readComment(line: string, found: Found): void {
  const [, keyword, quoted, bare = '', rest = ''] =
    /^[ \t]*#[ \t]*(HELP|TYPE)[ \t]+(?:"((?:[^"\\]|\\.)*)"|([^ \t]+))(?:[ \t]+(.*))?$/s.exec(line) ?? []
  if (keyword === undefined) return
  const name = metricName(quoted === undefined ? bare : unescaped(quoted))
  if (rest === '') return
  const { family } = familyOf(name, found)
  if (keyword === 'HELP') {
    if (family.help !== '') throw new Error(`a second HELP of ${family.name}`)
    family.help = unescaped(rest)
  } else {
    if (family.type !== undefined) throw new Error(`a second TYPE of ${family.name}, or one after its samples`)
    const type = rest.toLowerCase()
    if (!types.has(type)) throw new Error(`${JSON.stringify(rest)} is not a type`)
    family.type = type as MetricType // it is one of them
  }
}

/** A name with the suffix of a histogram or summary belongs to that, unless there is a family of just this name. */
function familyOf(name: string, found: Found): { readonly family: Open; readonly suffix: Suffix } {
  const exact = found.get(name)
  if (exact !== undefined) return { family: exact, suffix: '' }
  const suffix = (['_count', '_sum', '_bucket'] as const).find((one) => name.endsWith(one)) ?? ''
  const owner = suffix === '' ? undefined : found.get(name.slice(0, -suffix.length))
  if (owner?.type === 'histogram' || (owner?.type === 'summary' && suffix !== '_bucket'))
    return { family: owner, suffix }
  const family: Open = { name, type: undefined, help: '', samples: [], groups: new Map() }
  found.set(name, family)
  return { family, suffix: '' }
}

function readSample({ name, labels, value, timestampMs }: SampleLine, found: Found): void {
  const { family, suffix } = familyOf(name, found)
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
    throw new Error(`${name} counts, and ${value} is no count`)
  group.timestampMs = timestampMs ?? group.timestampMs
  if (suffix === '_sum') group.sum = value
  else if (suffix === '_count') group.count = family.type === 'summary' ? Math.trunc(value) : value
  else if (suffix === parts.suffix && !Number.isNaN(bound)) group.bounds.set(bound, value)
}

function groupOf({ groups }: Open, labels: SampleLine['labels'], boundLabel: string): Group {
  const own = [...labels].filter(([label]) => label !== boundLabel)
  const key = JSON.stringify(own.toSorted())
  let group = groups.get(key)
  if (group === undefined) {
    group = { labels: Object.fromEntries(own), bounds: new Map(), sum: 0, count: 0, timestampMs: undefined }
    groups.set(key, group)
  }
  return group
}

function closed({ name, type = 'untyped', help, samples, groups }: Open): ReadFamily {
  const parts = [...groups.values()].flatMap((group) => [...samplesOf(group, type)])
  return { name, type, help, samples: [...samples, ...parts] }
}

function* samplesOf({ labels, bounds, sum, count, timestampMs }: Group, type: MetricType): Generator<ReadSample> {
  const { label, suffix } = compound[type] ?? { label: '', suffix: '' }
  if (type === 'histogram' && !bounds.has(Infinity)) bounds.set(Infinity, count)
  for (const [bound, value] of bounds)
    yield { suffix, labels: { ...labels, [label]: formatValue(bound) }, value, timestampMs }
  yield { suffix: '_sum', labels, value: sum, timestampMs }
  yield { suffix: '_count', labels, value: count, timestampMs }
}
