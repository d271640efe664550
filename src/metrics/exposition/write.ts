import { byCodeUnit, type MetricType } from '../family.ts'
import type { Series } from '../series.ts'
import type { Snapshot } from '../snapshot.ts'

/** A family's place on a page: its two header lines and its samples, all but their values. */
export interface FamilyLayout {
  readonly name: string
  readonly type: MetricType
  readonly head: string
  readonly samples: readonly SampleLayout[]
}

export interface SampleLayout extends Rendering {
  /** Which of the snapshot's samples it is. */
  readonly at: number
}

/** A sample's line up to the value, and what it is sorted by among its family's. */
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

/** The page of these series, worked out once for all snapshots that share them. */
export function layoutOf(series: readonly Series[]): readonly FamilyLayout[] {
  let known = layouts.get(series)
  if (known === undefined) layouts.set(series, (known = laidOut(series)))
  return known
}

function laidOut(series: readonly Series[]): readonly FamilyLayout[] {
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

const renderings = new WeakMap<Series, Rendering>()

/** Worked out once per series. */
function rendered(series: Series): Rendering {
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

const escapes: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '"': '\\"' }

function escapeLabel(value: string): string {
  return /[\\\n"]/.test(value) ? value.replace(/[\\\n"]/g, (char) => escapes[char] ?? char) : value
}

function escapeHelp(help: string): string {
  return help.replace(/[\\\n]/g, (char) => escapes[char] ?? char)
}
