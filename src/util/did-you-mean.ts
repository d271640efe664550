import { closest, distance } from 'fastest-levenshtein'

const minPrefix = 3

/** `, did you mean X?` for the nearest known word, or nothing. A known word that begins with `word` is near too. */
export function didYouMean(word: string, known: readonly string[]): string {
  if (known.length === 0) return ''
  const best = closest(word, known)
  if (distance(word, best) <= Math.max(2, word.length / 3)) return `, did you mean ${best}?`
  const longer = known.filter((one) => word.length >= minPrefix && one.startsWith(word))
  const shortest = longer.toSorted((left, right) => left.length - right.length)[0]
  return shortest === undefined ? '' : `, did you mean ${shortest}?`
}
