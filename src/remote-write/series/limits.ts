import type { Label } from '../encode/labels.ts'

/** What a receiver takes of labels; a limit that is missing is none. Lengths are bytes of UTF-8. */
export interface LabelLimits {
  readonly labels?: number
  readonly nameBytes?: number
  readonly valueBytes?: number
}

/** In which way a label set is too much for a receiver; undefined where it is not. */
export function excessOf(labels: readonly Label[], limits: LabelLimits): string | undefined {
  const { labels: most = Number.POSITIVE_INFINITY, nameBytes, valueBytes } = limits
  if (labels.length > most) return `it has ${labels.length} labels, label_limit is ${most}`
  for (const [name, value] of labels) {
    if (isLonger(name, nameBytes))
      return `the name of a label has ${Buffer.byteLength(name)} bytes, label_name_length_limit is ${nameBytes}`
    if (isLonger(value, valueBytes))
      return `the value of ${name} has ${Buffer.byteLength(value)} bytes, label_value_length_limit is ${valueBytes}`
  }
  return undefined
}

/** A character has at most three bytes for each unit of UTF-16: most texts need not be measured. */
const isLonger = (text: string, most: number | undefined) =>
  most !== undefined && text.length * 3 > most && Buffer.byteLength(text) > most
