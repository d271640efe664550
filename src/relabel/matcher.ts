import type { Groups } from './template.ts'

/** A rule's regular expression. It always matches a whole text, and its dot matches line ends too. */
export interface Matcher {
  /** The groups of the match; undefined where there is none. */
  readonly match: (text: string) => Groups | undefined
  /** The numbers of groups that have names. */
  readonly named: Readonly<Record<string, number>>
}

/** Matches everything: the regular expression of a rule that has none. */
export const anything = '(.*)'

/** Loads the engine unless it is for nothing. Throws an Error with the engine's words where the source is not RE2. */
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
