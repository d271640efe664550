/** What a text may contain. A text above a limit has an error and is not read further. */
export interface TextLimits {
  readonly maxSeries: number
  readonly maxLines: number
  /** Labels of all series together. */
  readonly maxLabels: number
}

/** Counts what was read. */
export interface TextSize {
  series: number
  lines: number
  labels: number
}

export const emptySize = (): TextSize => ({ series: 0, lines: 0, labels: 0 })

/** The limits of one text: a series bound that a receiver, the buffer and 256 MB of heap can process in a second. */
export const textLimits: TextLimits & { readonly maxBytes: number } = {
  maxBytes: 16 * 1024 * 1024,
  maxSeries: 10_000,
  maxLines: 50_000,
  maxLabels: 100_000,
}

/** The limits of a text that `push` sends: what fits into 256 MB of heap. */
export const pushLimits: typeof textLimits = {
  maxBytes: 16 * 1024 * 1024,
  maxSeries: 50_000,
  maxLines: 250_000,
  maxLabels: 300_000,
}

/** Maximum size of a line in bytes. V8's regular expressions need stack for each character of a label value. */
export const maxLineBytes = 65_536

/** Maximum number of label names of a sample and of a family, in which each sample gets every label. */
export const maxLabelNames = 128

/** A text is above one of its limits: reading it ends. */
export class TextLimitError extends Error {}
