import type { Series } from '../../metrics/index.ts'
import type { Label } from '../encode/labels.ts'

/** Mimir cuts a quoted series off after this many characters, and may append an ellipsis. */
const quotedCharacters = 200

/**
 * The series of which a message quotes this text; undefined if none or several match. `labels` returns the labels of a
 * series as they were sent.
 */
export function namedSeries(
  text: string,
  all: Iterable<Series>,
  labels: (series: Series) => readonly Label[],
): Series | undefined {
  const quoted = text.replace(/…$/, '')
  const isCut = [...quoted].length >= quotedCharacters
  const name = quoted.replace(/\{.*/s, '')
  let found: Series | undefined
  for (const series of all) {
    const sent = labels(series)
    const metric = sent.find(([label]) => label === '__name__')?.[1] ?? ''
    if (isCut ? !metric.startsWith(name) : metric !== name) continue
    const full = mimirText(metric, sent)
    if (isCut ? !full.startsWith(quoted) : full !== quoted) continue
    if (found !== undefined) return undefined
    found = series
  }
  return found
}

/** A series as Mimir writes it: `name{label="value", other="value"}`, values quoted as in Go. */
function mimirText(metric: string, labels: readonly Label[]): string {
  const rest = labels.filter(([name]) => name !== '__name__').map(([name, value]) => `${name}=${goQuoted(value)}`)
  return rest.length === 0 ? metric : `${metric}{${rest.join(', ')}}`
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

/** strconv.Quote of Go for printable text and the usual controls. */
const goQuoted = (text: string): string =>
  `"${text.replace(/["\\]|\p{Cc}/gu, (one) => escapes[one] ?? `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`
