import { fault, named, quote, type TextFault } from './text-fault.ts'
import { maxLabelNames } from './text-limits.ts'

/** A sample line; labels in the order of the line. */
export interface SampleLine {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
  readonly timestampMs: number | undefined
}

/** OpenMetrics has timestamps in seconds, and exemplars; the text format has timestamps in milliseconds. */
type Format = 'text' | 'openmetrics'

/** `name{label="value",…} value [timestamp]`, or with a quoted name in the braces: `{"name",label="value"} value`. */
export function parseSample(line: string, format: Format = 'text'): SampleLine {
  const rest = new Rest(line)
  const bare = rest.take(metricForm)
  const { quotedName, labels } = rest.eat('{') ? parseBraces(rest) : {}
  if (bare !== undefined && quotedName !== undefined) throw rest.expected('one metric name')
  const name = bare ?? quotedName
  if (name === undefined) throw rest.expected('a metric name')
  const value = parseValue(rest.take(wordForm) ?? '', 'a number as value')
  const timestampMs = format === 'text' ? takeMilliseconds(rest) : takeSeconds(rest)
  if (format === 'openmetrics' && rest.take(exemplarForm) !== undefined) skipExemplar(rest)
  if (!rest.isEmpty) throw rest.expected('the end of the line')
  return { name, labels: labels ?? new Map(), value, timestampMs }
}

/** `{label="value",…} value [timestamp]` after the `#`. */
function skipExemplar(rest: Rest): void {
  if (!rest.eat('{')) throw rest.expected('the labels of an exemplar')
  parseBraces(rest)
  parseValue(rest.take(wordForm) ?? '', 'a number as value of the exemplar')
  takeSeconds(rest)
}

function parseBraces(rest: Rest) {
  const labels = new Map<string, string>()
  let quotedName: string | undefined
  do {
    if (rest.eat('}')) return { quotedName, labels }
    const quoted = rest.takeQuoted()
    if (quoted !== undefined && quotedName === undefined && !rest.isAt('=')) quotedName = metricName(quoted)
    else {
      const label = quoted ?? rest.take(labelForm)
      if (label === undefined) throw rest.expected('a label name')
      if (!isLabelName(label)) throw fault`${quote(label)} is not a label name`
      if (label.startsWith('__')) throw fault`label name ${named(label)} is reserved`
      if (labels.has(label)) throw fault`duplicate label ${named(label)}`
      if (labels.size === maxLabelNames) throw fault`more than ${maxLabelNames} labels`
      if (!rest.eat('=')) throw rest.expected('= after the label name')
      const value = rest.takeQuoted()
      if (value === undefined) throw rest.expected('a label value in quotes')
      labels.set(label, value)
    }
  } while (rest.eat(','))
  if (!rest.eat('}')) throw rest.expected(', or }')
  return { quotedName, labels }
}

const metricForm = /[a-zA-Z_:][\w:]*/y
const labelForm = /[a-zA-Z_]\w*/y
const quotedForm = /"((?:[^"\\]|\\.)*)"/sy
const wordForm = /[^ \t]+/y
/** Also matches trailing blanks, which are an error: a timestamp must follow. */
const afterBlankForm = /[ \t]+[^ \t]*/y
const exemplarForm = /[ \t]*#[ \t]+/y
const secondsForm = /[ \t]+[^ \t#][^ \t]*/y
const blankForm = /[ \t]*/y

/** Parser position in a line. Skips blanks before each token. */
class Rest {
  readonly #line: string
  #at = 0

  constructor(line: string) {
    this.#line = line
    this.#skipBlanks()
  }

  get isEmpty(): boolean {
    return this.#at === this.#line.length
  }

  isAt(char: string): boolean {
    return this.#line[this.#at] === char
  }

  eat(char: string): boolean {
    if (!this.isAt(char)) return false
    this.#at++
    this.#skipBlanks()
    return true
  }

  /** `form` is sticky. After a word, blanks are not skipped: they decide whether a timestamp must follow. */
  take(form: RegExp): string | undefined {
    const found = this.#match(form)
    if (found !== undefined && form !== wordForm) this.#skipBlanks()
    return found?.[0]
  }

  takeQuoted(): string | undefined {
    if (!this.isAt('"')) return undefined
    const found = this.#match(quotedForm)
    if (found === undefined) throw this.expected('a closing quote')
    this.#skipBlanks()
    return unescaped(found[1] ?? '')
  }

  expected(what: string): TextFault {
    const found = this.isEmpty ? 'the end of the line' : quote(this.#line.slice(this.#at, this.#at + 40))
    return fault`expected ${what} at column ${this.#at + 1}, found ${found}`
  }

  #match(form: RegExp): RegExpExecArray | undefined {
    form.lastIndex = this.#at
    const found = form.exec(this.#line) ?? undefined
    this.#at += found?.[0].length ?? 0
    return found
  }

  #skipBlanks(): void {
    this.#match(blankForm)
  }
}

const isLabelName = (text: string) => /^[a-zA-Z_]\w*$/.test(text)

/** Returns the text if it is a metric name of the classic data model, else throws. */
export function metricName(text: string): string {
  if (!/^[a-zA-Z_:][\w:]*$/.test(text)) throw fault`${quote(text)} is not a metric name`
  return text
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\', '"': '"', n: '\n' }

export function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(.?)/gs, (all, char: string) => {
    const character = escapes[char]
    if (character === undefined) throw fault`${quote(all)} is not an escape`
    return character
  })
}

/** Parses a number in Go's format. Rejects hexadecimal and `_`, as node_exporter does. `what` is for the error message. */
export function parseValue(text: string, what: string): number {
  const word = text.toLowerCase()
  if (word === 'nan') return Number.NaN
  if (/^[+-]?inf(inity)?$/.test(word)) return word.startsWith('-') ? -Infinity : Infinity
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(word) ? Number(word) : Number.NaN
  if (!Number.isFinite(value)) throw fault`expected ${what}, found ${quote(text)}`
  return value
}

function takeMilliseconds(rest: Rest): number | undefined {
  const text = rest.take(afterBlankForm)?.trimStart()
  if (text === undefined) return undefined
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(Math.abs(value) < 2 ** 63)) throw fault`expected a timestamp in whole milliseconds, found ${quote(text)}`
  return value
}

function takeSeconds(rest: Rest): number | undefined {
  const text = rest.take(secondsForm)?.trimStart()
  if (text === undefined) return undefined
  const value = Math.round(parseValue(text, 'a timestamp in seconds') * 1000)
  if (!(Math.abs(value) < 2 ** 63)) throw fault`expected a timestamp in seconds, found ${quote(text)}`
  return value
}
