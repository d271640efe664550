import { seriesText } from '../metrics/exposition/write.ts'

/** Remote-write 1.0 or 2.0. */
export type Version = 1 | 2

export type Pair = readonly [name: string, value: string]

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** What the protocol does not allow in these labels; undefined if all is well. 2.0 allows any name that is UTF-8. */
export function labelProblem(version: Version, labels: readonly Pair[]): string | undefined {
  let before: string | undefined
  for (const [name, value] of labels) {
    if (name === '') return 'a label without a name'
    if (value === '') return `label ${name} is empty`
    if (name === before) return `label ${name} is there twice`
    if (before !== undefined && byteOrder(before, name) > 0) return `label ${name} comes after ${before}: not sorted`
    if (version === 1 && !labelName.test(name)) return `${name} is no label name`
    before = name
  }
  const metric = nameOf(labels)
  if (metric === undefined) return 'no __name__'
  if (version === 1 && !metricName.test(metric)) return `${metric} is no metric name`
  return undefined
}

export const nameOf = (labels: readonly Pair[]): string | undefined => labels.find(([name]) => name === '__name__')?.[1]

/** `name{label="value",…}`; names outside the old alphabet are quoted, the metric's own inside the braces. */
export function seriesKey(labels: readonly Pair[]): string {
  const name = nameOf(labels) ?? ''
  const rest = labels
    .filter(([label]) => label !== '__name__')
    .map(([label, value]) => [labelName.test(label) ? label : JSON.stringify(label), value] as const)
  if (metricName.test(name)) return seriesText(name, rest)
  const inner = seriesText('', rest).slice(1, -1)
  return `{${JSON.stringify(name)}${inner === '' ? '' : `,${inner}`}}`
}

/** As Go compares strings: by their bytes. Only surrogates sort differently by code unit. */
function byteOrder(left: string, right: string): number {
  if (/[\ud800-\udfff]/.test(left + right)) return Buffer.compare(Buffer.from(left), Buffer.from(right))
  if (left === right) return 0
  return left < right ? -1 : 1
}
