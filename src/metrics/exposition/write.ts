import { byCodeUnit, type MetricType } from '../family.ts'
import type { Series } from '../series.ts'
import type { Snapshot } from '../snapshot.ts'

/** The text of a family without its values: two header lines and the samples. */
export interface FamilyLayout {
  readonly name: string
  readonly type: MetricType
  readonly head: string
  readonly samples: readonly SampleLayout[]
}

export interface SampleLayout extends Rendering {
  /** Index of the sample in the snapshot. */
  readonly at: number
}

/** A sample line up to the value, and the sort key within the family. */
interface Rendering {
  readonly prefix: string
  readonly key: string
}

/**
 * The text exposition format 0.0.4: families by name, series by label values, labels by name.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function textOf(snapshot: Snapshot, options: { readonly timestamps?: boolean } = {}): string {
  let text = ''
  for (const { head, samples } of layoutOf(snapshot.series)) {
    text += head
    for (const { at, prefix } of samples) {
      const own = snapshot.ownTimestampsMs?.[at]
      const timestampMs = own === undefined || Number.isNaN(own) ? snapshot.timestampMs : own
      const timestamp = options.timestamps ? ` ${timestampMs}` : ''
      text += `${prefix} ${formatValue(snapshot.values[at] as number)}${timestamp}\n`
    }
  }
  return text
}

const layouts = new WeakMap<readonly Series[], readonly FamilyLayout[]>()

/** The layout of these series, cached for all snapshots that share them. */
export function layoutOf(series: readonly Series[]): readonly FamilyLayout[] {
  let layout = layouts.get(series)
  if (layout === undefined) layouts.set(series, (layout = createLayout(series)))
  return layout
}

function createLayout(series: readonly Series[]): readonly FamilyLayout[] {
  const families = new Map<string, FamilyLayout & { readonly samples: SampleLayout[] }>()
  series.forEach((one, at) => {
    const { name, type, help } = one.family
    let family = families.get(name)
    if (family === undefined) {
      const head = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`
      families.set(name, (family = { name, type, head, samples: [] }))
    }
    family.samples.push({ at, ...rendered(one) })
  })
  for (const { samples } of families.values()) samples.sort((left, right) => byCodeUnit(left.key, right.key))
  return [...families.values()].sort((left, right) => byCodeUnit(left.name, right.name))
}

/** `name{label="value",…}`, in the text format; labels in the given order. */
export function seriesText(name: string, labels: Iterable<readonly [name: string, value: string]>): string {
  const pairs = [...labels].map(([label, value]) => `${label}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
}

/** Formats as node_exporter does (Go's `FormatFloat(v, 'g', -1, 64)`): the shortest digits that parse to the same value; -0 is 0. */
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

const renderings = new WeakMap<Series, Rendering>()

/** Cached per series. */
function rendered(series: Series): Rendering {
  let rendering = renderings.get(series)
  if (rendering === undefined) {
    const { family, labelValues } = series
    const labels = family.labelNames.map((label, i) => [label, labelValues[i] ?? ''] as const)
    const name = family.name + family.suffix
    renderings.set(series, (rendering = { key: sortKey(series), prefix: seriesText(name, labels) }))
  }
  return rendering
}

/** Sort key: label values first, then the bound of buckets and quantiles as a number. */
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

/** A string that sorts like the number. */
function boundKey(value: number): string {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, value)
  const raw = bits.getBigUint64(0)
  const ordered = raw >> 63n ? ~raw & 0xffffffffffffffffn : raw | (1n << 63n)
  return ordered.toString(16).padStart(16, '0')
}

const escapes: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '"': '\\"' }

function escapeLabel(value: string): string {
  return /[\\\n"]/.test(value) ? value.replace(/[\\\n"]/g, (char) => escapes[char] ?? char) : value
}

function escapeHelp(help: string): string {
  return help.replace(/[\\\n]/g, (char) => escapes[char] ?? char)
}
