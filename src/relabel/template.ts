/** What a match gives: the text of a group by its number, empty where it took no part or there is none. */
export type Groups = (group: number) => string

/** Text with references to groups, ready to be filled in. */
export type Template = (groups: Groups) => string

/**
 * A reference in the syntax of Go's regexp.Expand: `$name` is as long as it can be (so `$1x` is the group `1x`),
 * `${name}` ends where it says, `$$` is a dollar, and any other dollar is itself.
 * https://pkg.go.dev/regexp#Regexp.Expand
 */
const reference = /\$(?:(\$)|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu

/** Reads a template; `named` has the numbers of groups that have names. */
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

/** A number without leading zeros is that group, anything else is a name; -1 is none. */
function groupOf(name: string, named: Readonly<Record<string, number>>): number {
  if (/^(?:0|[1-9][0-9]{0,7})$/.test(name)) return Number(name)
  return Object.hasOwn(named, name) ? (named[name] ?? -1) : -1
}
