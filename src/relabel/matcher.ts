import type { Groups } from './template.ts'

/** The regular expression of a rule. It is anchored at both ends, and its dot matches line feeds. */
export interface Matcher {
  /** The groups of the match; undefined without a match. */
  readonly match: (text: string) => Groups | undefined
  /** Numbers of named groups. */
  readonly named: Readonly<Record<string, number>>
}

/** The default of `regex`: matches everything. */
export const anything = '(.*)'

/** Compiles a rule's `regex`. Loads the RE2 engine if needed. Throws an Error with the engine's message on invalid syntax. */
export async function matcherOf(source: string): Promise<Matcher> {
  if (source === anything) return { match: (text) => (group) => (group === 0 || group === 1 ? text : ''), named: {} }
  const { RE2JS } = await import('re2js')
  const regexp = RE2JS.compile(`^(?s:${source})$`)
  const count = regexp.groupCount()
  return {
    match: (text) => {
      const matcher = regexp.matcher(text)
      if (!matcher.matches()) return undefined
      return (group) => (group >= 0 && group <= count ? (matcher.group(group) ?? '') : '')
    },
    named: regexp.namedGroups(),
  }
}
