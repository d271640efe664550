/**
 * A rule that recognises the words of a receiver or of the network and says what to do about them. A hint only explains:
 * no decision depends on it.
 */
export interface Hint {
  /** Part of the reason, case-insensitive. docs/troubleshooting.md shows it. */
  readonly contains: string
  /** Replaces `contains` for the match; `contains` is then only for the documentation. */
  readonly pattern?: RegExp
  /** Host names of receivers that the rule applies to; default: all. */
  readonly host?: RegExp
  /** Kind of output that the rule applies to (`remote-write`, `pushgateway`); default: all. */
  readonly part?: string
  /** What to do: a sentence such as "Set …", "Check …" or "Use …". */
  readonly hint: string
}
