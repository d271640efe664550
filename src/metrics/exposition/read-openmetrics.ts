import type { MetricType } from '../family.ts'
import type { Families } from './grouping.ts'
import { metricName, parseSample, unescaped } from './line.ts'
import { fault, named, quote } from './text-fault.ts'

/** How a type of OpenMetrics maps to the text format. */
interface Kind {
  readonly type: MetricType
  /** Name of the resulting family: that of the declared family, or that of each sample. */
  readonly nameFrom: 'family' | 'sample'
  readonly suffixes: readonly string[]
  /** Whether `_created` is allowed, the start time of the counters. */
  readonly created?: true
}

const kinds: Readonly<Record<string, Kind>> = {
  counter: { type: 'counter', nameFrom: 'sample', suffixes: ['_total'], created: true },
  gauge: { type: 'gauge', nameFrom: 'sample', suffixes: [''] },
  histogram: { type: 'histogram', nameFrom: 'family', suffixes: ['_bucket', '_sum', '_count'], created: true },
  gaugehistogram: { type: 'gauge', nameFrom: 'sample', suffixes: ['_bucket', '_gsum', '_gcount'] },
  summary: { type: 'summary', nameFrom: 'family', suffixes: ['', '_sum', '_count'], created: true },
  info: { type: 'gauge', nameFrom: 'sample', suffixes: ['_info'] },
  stateset: { type: 'gauge', nameFrom: 'sample', suffixes: [''] },
  unknown: { type: 'untyped', nameFrom: 'sample', suffixes: [''] },
}

/** The current family; its lines must be in one group. */
interface Current {
  readonly name: string
  kind: Kind | undefined
  help: string | undefined
  unit: string | undefined
  sampled: boolean
}

/**
 * Reads OpenMetrics 1.0 line by line into families of the text format. Units and exemplars are checked and
 * ignored. https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
export function openMetricsReader(families: Families): (line: string) => void {
  const names = new Set<string>()
  let current: Current | undefined
  let isOver = false

  const familyAt = (name: string): Current => {
    if (current?.name === name) return current
    if (names.has(name)) throw fault`the lines of ${named(name)} are not in one group`
    names.add(name)
    current = { name, kind: undefined, help: undefined, unit: undefined, sampled: false }
    return current
  }

  const readSample = (line: string) => {
    const sample = parseSample(line, 'openmetrics')
    const family = ownerOf(sample.name, current) ?? familyAt(sample.name)
    const { type, nameFrom, suffixes, created } = (family.kind ??= kinds['unknown'] as Kind)
    family.sampled = true
    const suffix = sample.name.slice(family.name.length)
    const isCreated = created === true && suffix === '_created'
    if (!isCreated && !suffixes.includes(suffix)) {
      const expected = suffixes.map((one) => family.name + one).join(', ')
      throw fault`${named(sample.name)} is not a sample of ${named(family.name)}: expected ${named(expected)}`
    }
    const name = family.name + (nameFrom === 'family' ? '' : isCreated ? suffixes[0] : suffix)
    if (!families.has(name)) {
      families.type(name, type)
      if (family.help) families.help(name, family.help)
    }
    if (isCreated) families.created(name, sample.labels, Math.round(sample.value * 1000))
    else families.add(sample)
  }

  return (line) => {
    if (isOver && line !== '') throw new Error('unexpected line after # EOF')
    if (isOver) return
    if (line === '# EOF') isOver = true
    else if (line.startsWith('#')) readMetadata(line, familyAt)
    else readSample(line)
  }
}

/** The current family, if a sample of this name is one of its samples. */
function ownerOf(name: string, current: Current | undefined): Current | undefined {
  if (current?.kind === undefined || !name.startsWith(current.name)) return undefined
  const suffix = name.slice(current.name.length)
  const { suffixes, created } = current.kind
  return suffix === '' || suffixes.includes(suffix) || (created && suffix === '_created') ? current : undefined
}

/** `# TYPE name word`, `# HELP name text`, `# UNIT name word`, each once and before the samples. */
function readMetadata(line: string, familyAt: (name: string) => Current): void {
  const [, keyword, quoted, bare = '', rest = ''] =
    /^# (TYPE|HELP|UNIT) (?:"((?:[^"\\]|\\.)*)"|([^ ]+))(?: (.*))?$/s.exec(line) ?? []
  if (keyword === undefined) throw new Error('expected # TYPE, # HELP, # UNIT or # EOF')
  const name = metricName(quoted === undefined ? bare : unescaped(quoted))
  const family = familyAt(name)
  const isSecond = { TYPE: family.kind, HELP: family.help, UNIT: family.unit }[keyword] !== undefined
  if (isSecond || family.sampled)
    throw fault`second ${keyword} line for ${named(name)}, or ${keyword} after its samples`
  if (keyword === 'TYPE') family.kind = kindOf(rest)
  else if (keyword === 'HELP') family.help = unescaped(rest)
  else family.unit = unitOf(name, rest)
}

function kindOf(word: string): Kind {
  const kind = kinds[word]
  if (kind === undefined) throw fault`${quote(word)} is not a type`
  return kind
}

function unitOf(name: string, unit: string): string {
  if (unit !== '' && !name.endsWith(`_${unit}`))
    throw fault`the name ${named(name)} does not end with its unit, ${named(unit)}`
  return unit
}
