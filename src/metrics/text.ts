import type { Family } from './family.ts'
import type { Series } from './series.ts'
import type { Snapshot } from './snapshot.ts'

interface TextOptions {
  /** Each line ends with its sample's time. */
  readonly timestamps?: boolean
}

/**
 * The text exposition format 0.0.4: families by name, series by label values, labels by name.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function textOf(snapshot: Snapshot, options: TextOptions = {}): string {
  return pageOf(familyTexts(snapshot, options))
}

/** Families' texts, in the order of their names. */
export function pageOf(texts: ReadonlyMap<string, string>): string {
  let page = ''
  for (const [, text] of [...texts].sort(byFirst)) page += text
  return page
}

/** What `textOf` says of each family, by the family's name. */
export function familyTexts(snapshot: Snapshot, options: TextOptions = {}): Map<string, string> {
  const groups = new Map<string, { family: Family; lines: [sortKey: string, line: string][] }>()
  snapshot.series.forEach((series, i) => {
    const { family } = series
    let group = groups.get(family.name)
    if (group === undefined) groups.set(family.name, (group = { family, lines: [] }))
    const own = snapshot.ownTimestampsMs?.[i]
    const timestamp = options.timestamps
      ? ` ${own === undefined || Number.isNaN(own) ? snapshot.timestampMs : own}`
      : ''
    const { key, prefix } = rendered(series)
    group.lines.push([key, `${prefix} ${formatValue(snapshot.values[i] as number)}${timestamp}\n`])
  })
  const texts = new Map<string, string>()
  for (const [name, { family, lines }] of groups) {
    const head = `# HELP ${name} ${escapeHelp(family.help)}\n# TYPE ${name} ${family.type}\n`
    texts.set(name, [head, ...lines.sort(byFirst).map(([, line]) => line)].join(''))
  }
  return texts
}

/** A series as its sample line names it. */
export function nameOf(series: Series): string {
  return rendered(series).prefix
}

/** `name{label="value",…}`, labels by name; as a series is written in the text format. */
export function seriesText(name: string, labels: Iterable<readonly [name: string, value: string]>): string {
  const pairs = [...labels].map(([label, value]) => `${label}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
}

/** As the peer prints it, Go's `FormatFloat(v, 'g', -1, 64)`: the shortest digits that read back the same; -0 is 0. */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value)
  const [mantissa = '', power = '0'] = value.toExponential().split('e')
  const exponent = Number(power)
  if (exponent < -4 || exponent >= 6) {
    const digits = Math.abs(exponent)
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits < 10 ? '0' : ''}${digits}`
  }
  return String(value)
}

const renderings = new WeakMap<Series, { readonly key: string; readonly prefix: string }>()

/** The text up to the value and what to sort by, worked out once per series. */
function rendered(series: Series): { readonly key: string; readonly prefix: string } {
  let known = renderings.get(series)
  if (known === undefined) {
    const { family, labelValues } = series
    const labels = family.labelNames.map((label, i) => [label, labelValues[i] ?? ''] as const)
    const name = family.name + family.suffix
    renderings.set(series, (known = { key: sortKey(series), prefix: seriesText(name, labels) }))
  }
  return known
}

/** Buckets and quantiles sort by their bound within the other labels. */
function sortKey({ family, labelValues }: Series): string {
  const parts: string[] = []
  let bound = ''
  family.labelNames.forEach((label, i) => {
    const value = labelValues[i] ?? ''
    if ((label === 'le' && family.suffix === '_bucket') || label === 'quantile')
      bound = boundKey(Number(goNumber(value)))
    else parts.push(value)
  })
  return `${parts.join('\0')}\0\0${family.suffix}\0${bound}`
}

const goNumber = (text: string) => text.replace('Inf', 'Infinity')

/** A text that sorts as the number does. */
function boundKey(value: number): string {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, value)
  const raw = bits.getBigUint64(0)
  const ordered = raw >> 63n ? ~raw & 0xffffffffffffffffn : raw | (1n << 63n)
  return ordered.toString(16).padStart(16, '0')
}

function byFirst(left: readonly [string, ...unknown[]], right: readonly [string, ...unknown[]]): number {
  if (left[0] === right[0]) return 0
  return left[0] < right[0] ? -1 : 1
}

const escapes: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '"': '\\"' }

function escapeLabel(value: string): string {
  return /[\\\n"]/.test(value) ? value.replace(/[\\\n"]/g, (char) => escapes[char] ?? char) : value
}

function escapeHelp(help: string): string {
  return help.replace(/[\\\n]/g, (char) => escapes[char] ?? char)
}
