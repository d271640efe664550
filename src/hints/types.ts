/** What to make of the words of a receiver or of the network. It explains; nothing is decided by it. */
export interface Hint {
  /** A part of the words by which it is known, as the documentation shows it. */
  readonly contains: string
  /** Where that part alone is not how it is found. */
  readonly pattern?: RegExp
  /** The hosts that it is said of; all where it is missing. */
  readonly host?: RegExp
  /** The kind of output that it is said to; all where it is missing. */
  readonly part?: string
  readonly hint: string
}
