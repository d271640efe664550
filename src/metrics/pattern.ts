/** A regular expression, built in or from a user. Matches anywhere unless it is anchored, as RE2 does. */
export interface Pattern {
  readonly source: string
  /** True for a built-in default, false for a user's pattern. */
  readonly isDefault: boolean
  test(text: string): boolean
  /** As `test`, but the whole text must match. */
  matches(text: string): boolean
}

/** A built-in pattern. Runs in JavaScript's engine: none of them backtracks excessively. */
export function ownPattern(source: string): Pattern {
  const regexp = new RegExp(source)
  const whole = new RegExp(`^(?:${source})$`)
  return { source, isDefault: true, test: (text) => regexp.test(text), matches: (text) => whole.test(text) }
}

/**
 * A user's pattern in RE2 syntax, as in Prometheus. RE2 runs in linear time, so a pattern cannot hang the agent. Loads the
 * engine, so it is asynchronous. Throws an Error with the engine's message if the syntax is not RE2.
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

/** Whether a name passes; results are cached. */
export type Filter = (name: string) => boolean

/** Maximum number of cached results of a filter; the cache is then cleared (names may come and go). */
const maxCached = 4096

/**
 * Passes names that `include` matches (all, if it is empty or missing) and `exclude` does not. A user's include disables
 * the default exclude; a user's include and a user's exclude together are an Error.
 */
export function filterOf(include: Pattern | undefined, exclude: Pattern | undefined): Filter {
  const included = include === undefined || include.source === '' ? undefined : include
  let excluded = exclude === undefined || exclude.source === '' ? undefined : exclude
  if (included !== undefined && excluded !== undefined && !included.isDefault) {
    if (!excluded.isDefault) throw new Error('include and exclude cannot both be set')
    excluded = undefined
  }
  if (included === undefined && excluded === undefined) return () => true
  const cache = new Map<string, boolean>()
  return (name) => {
    let passes = cache.get(name)
    if (passes === undefined) {
      passes = (included?.test(name) ?? true) && !(excluded?.test(name) ?? false)
      if (cache.size >= maxCached) cache.clear()
      cache.set(name, passes)
    }
    return passes
  }
}
