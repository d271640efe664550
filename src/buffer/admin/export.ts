import { formatValue, type Series, type Snapshot, seriesText } from '../../metrics/index.ts'

export const exportFormats = ['text', 'json'] as const
export type Format = (typeof exportFormats)[number]

/** Formats snapshots as text, in pieces. */
interface Rows {
  /** A comment between snapshots, if the format has comments. */
  remark(text: string): Iterable<string>
  of(snapshot: Snapshot): Iterable<string>
}

/**
 * `text`: the Prometheus text format with timestamps and all labels that a receiver sees; HELP and TYPE once for each
 * family. `json`: one line per sample, in the format of VictoriaMetrics' /api/v1/import.
 */
export function rowsOf(format: Format): Rows {
  return format === 'json' ? jsonRows : textRows()
}

function textRows(): Rows {
  const declared = new Set<string>()
  return {
    *remark(text) {
      yield `# ${text.replaceAll('\n', ' ')}\n`
    },
    *of(snapshot) {
      let page = ''
      for (const [{ family, ...series }, value, timestampMs] of samplesOf(snapshot)) {
        const { name, suffix, type, help } = family
        if (!declared.has(name)) {
          declared.add(name)
          page += `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`
        }
        const labels = Object.entries(labelsOf({ family, ...series }))
        page += `${seriesText(name + suffix, labels)} ${formatValue(value)} ${timestampMs}\n`
      }
      yield page
    },
  }
}

const jsonRows: Rows = {
  *remark() {},
  *of(snapshot) {
    let page = ''
    for (const [series, value, timestampMs] of samplesOf(snapshot)) {
      const metric = { __name__: series.family.name + series.family.suffix, ...labelsOf(series) }
      page += `${JSON.stringify({ metric, values: [jsonValue(value)], timestamps: [timestampMs] })}\n`
    }
    yield page
  },
}

function* samplesOf({ series, values, timestampMs, ownTimestampsMs }: Snapshot) {
  for (const [i, one] of series.entries()) {
    const own = ownTimestampsMs?.[i] ?? Number.NaN
    yield [one, values[i] as number, Number.isNaN(own) ? timestampMs : own] as const
  }
}

/** The identity labels, overridden by the labels of the series. */
function labelsOf({ family, labelValues, identity }: Series): Record<string, string> {
  const own = family.labelNames.map((name, i) => [name, labelValues[i] ?? ''] as const)
  return { ...identity, ...Object.fromEntries(own.filter(([, value]) => value !== '')) }
}

/** JSON has no NaN and infinities; VictoriaMetrics imports these values. */
function jsonValue(value: number): number | string | null {
  if (Number.isNaN(value)) return null
  return Number.isFinite(value) ? value : value > 0 ? 'Infinity' : '-Infinity'
}
