/** Characters of a quoted part in a message, if the caller sets no other limit. */
const maxQuotedByDefault = 80

/** A part of the read text in a message: in double quotes with escapes, or a name as it is. */
class Quote {
  readonly #text: string
  readonly #isName: boolean

  constructor(text: string, isName: boolean) {
    this.#text = text
    this.#isName = isName
  }

  shown(maxQuoted: number): string {
    if (maxQuoted === 0) return '[not shown]'
    const text = this.#text.length > maxQuoted ? `${this.#text.slice(0, maxQuoted)}…` : this.#text
    return this.#isName ? text : JSON.stringify(text)
  }
}

/** A part of the text, for `fault`: any text, and a name that needs no quotes. */
export const quote = (text: string) => new Quote(text, false)
export const named = (text: string) => new Quote(text, true)

type Part = string | number | Quote

/** An error in a text. `describe` limits how much of the text its message repeats: the text may be secret. */
export class TextFault extends Error {
  readonly #parts: readonly Part[]

  constructor(parts: readonly Part[]) {
    super(shown(parts, maxQuotedByDefault))
    this.#parts = parts
  }

  /** The message with at most `maxQuoted` characters of each part of the text; with 0, none. */
  describe(maxQuoted: number): string {
    return shown(this.#parts, maxQuoted)
  }
}

const shown = (parts: readonly Part[], maxQuoted: number) =>
  parts.map((part) => (part instanceof Quote ? part.shown(maxQuoted) : part)).join('')

/** Builds a TextFault from a template. Parts of the text must be wrapped in `quote` or `named`. */
export const fault = (constants: TemplateStringsArray, ...parts: readonly Part[]): TextFault =>
  new TextFault(constants.flatMap((constant, i) => [constant, ...parts.slice(i, i + 1)]))

/** The message of any error of a reader. */
export function faultText(error: unknown, maxQuoted = maxQuotedByDefault): string {
  if (error instanceof TextFault) return error.describe(maxQuoted)
  return error instanceof Error ? error.message : String(error)
}
