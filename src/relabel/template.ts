/** The text of a match's group by number; empty if the group did not match or does not exist. */
export type Groups = (group: number) => string

/** A compiled text with references to groups. */
export type Template = (groups: Groups) => string

/**
 * A reference in the syntax of Go's regexp.Expand: `$name` is the longest possible name (`$1x` is the group `1x`),
 * `${name}` is explicit, `$$` is a dollar sign, and any other dollar sign is literal.
 * https://pkg.go.dev/regexp#Regexp.Expand
 */
const reference = /\$(?:(\$)|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu

/** Compiles a template; `named` has the numbers of named groups. */
export function template(source: string, named: Readonly<Record<string, number>>): Template {
  const parts: (string | number)[] = []
  let end = 0
  for (const { 0: whole, 1: dollar, 2: bare, 3: braced, index } of source.matchAll(reference)) {
    parts.push(source.slice(end, index), dollar ?? groupOf(bare ?? braced ?? '', named))
    end = index + whole.length
  }
  parts.push(source.slice(end))
  return (groups) => parts.map((part) => (typeof part === 'string' ? part : groups(part))).join('')
}

/** The number of a group: a number without leading zeros, or the number of a named group; -1 if unknown. */
function groupOf(name: string, named: Readonly<Record<string, number>>): number {
  if (/^(?:0|[1-9][0-9]{0,7})$/.test(name)) return Number(name)
  return Object.hasOwn(named, name) ? (named[name] ?? -1) : -1
}
