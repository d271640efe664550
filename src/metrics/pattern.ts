/** A regular expression that a user may have written. Matches anywhere unless it is anchored, as RE2 does. */
export interface Pattern {
  readonly source: string
  /** True if it is what the program comes with, not what a user set. */
  readonly isDefault: boolean
  test(text: string): boolean
  /** As `test`, but the whole text must match. */
  matches(text: string): boolean
}

/** A pattern of the program's own: known not to backtrack badly, so JavaScript's engine may run it. */
export function ownPattern(source: string): Pattern {
  const regexp = new RegExp(source)
  const whole = new RegExp(`^(?:${source})$`)
  return { source, isDefault: true, test: (text) => regexp.test(text), matches: (text) => whole.test(text) }
}

/**
 * A user's pattern in RE2 syntax, as everywhere in Prometheus: linear in the text, cannot hang the agent. Loads the
 * engine, so it is asynchronous. Throws an Error with the engine's words when the pattern is not RE2.
 */
export async function userPattern(source: string): Promise<Pattern> {
  const { RE2JS } = await import('re2js')
  const regexp = RE2JS.compile(source)
  return {
    source,
    isDefault: false,
    test: (text) => regexp.matcher(text).find(),
    matches: (text) => regexp.matcher(text).matches(),
  }
}

/** Says yes or no to a name, and remembers what it said. */
export type Filter = (name: string) => boolean

/** Verdicts remembered per filter; beyond it (names that come and go) the memory starts anew. */
const remembered = 4096

/**
 * Passes what `include` matches (all, if it is empty or missing) and `exclude` does not. A user's include turns the
 * program's own exclude off; a user's include and a user's exclude together are an Error.
 */
export function filterOf(include: Pattern | undefined, exclude: Pattern | undefined): Filter {
  const wanted = include === undefined || include.source === '' ? undefined : include
  let unwanted = exclude === undefined || exclude.source === '' ? undefined : exclude
  if (wanted !== undefined && unwanted !== undefined && !wanted.isDefault) {
    if (!unwanted.isDefault) throw new Error('include and exclude cannot both be set')
    unwanted = undefined
  }
  if (wanted === undefined && unwanted === undefined) return () => true
  const verdicts = new Map<string, boolean>()
  return (name) => {
    let verdict = verdicts.get(name)
    if (verdict === undefined) {
      verdict = (wanted?.test(name) ?? true) && !(unwanted?.test(name) ?? false)
      if (verdicts.size >= remembered) verdicts.clear()
      verdicts.set(name, verdict)
    }
    return verdict
  }
}
