import { seriesText } from '../metrics/index.ts'

/** Remote-write 1.0 or 2.0. */
export type ProtocolVersion = 1 | 2

export type Label = readonly [name: string, value: string]

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** The first violation of the protocol in these labels; undefined if they are valid. 2.0 allows any UTF-8 name. */
export function labelProblem(version: ProtocolVersion, labels: readonly Label[]): string | undefined {
  let previous: string | undefined
  for (const [name, value] of labels) {
    if (name === '') return 'label without a name'
    if (value === '') return `label ${name} is empty`
    if (name === previous) return `label ${name} is duplicate`
    if (previous !== undefined && byteOrder(previous, name) > 0)
      return `labels are not sorted: ${name} follows ${previous}`
    if (version === 1 && !labelName.test(name)) return `${name} is not a valid label name`
    previous = name
  }
  const metric = nameOf(labels)
  if (metric === undefined) return 'label __name__ is missing'
  if (version === 1 && !metricName.test(metric)) return `${metric} is not a valid metric name`
  return undefined
}

export const nameOf = (labels: readonly Label[]): string | undefined =>
  labels.find(([name]) => name === '__name__')?.[1]

/** `name{label="value",…}`. UTF-8 names are quoted, and a quoted metric name is inside the braces. */
export function seriesKey(labels: readonly Label[]): string {
  const name = nameOf(labels) ?? ''
  const rest = labels
    .filter(([label]) => label !== '__name__')
    .map(([label, value]) => [labelName.test(label) ? label : JSON.stringify(label), value] as const)
  if (metricName.test(name)) return seriesText(name, rest)
  const inner = seriesText('', rest).slice(1, -1)
  return `{${JSON.stringify(name)}${inner === '' ? '' : `,${inner}`}}`
}

/** Compares bytes, as Go does. The order of UTF-16 code units differs only for surrogates. */
function byteOrder(left: string, right: string): number {
  if (/[\ud800-\udfff]/.test(left + right)) return Buffer.compare(Buffer.from(left), Buffer.from(right))
  if (left === right) return 0
  return left < right ? -1 : 1
}
