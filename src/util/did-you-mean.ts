import { closest, distance } from 'fastest-levenshtein'

/** `; did you mean X?` for the known word that is near enough, else nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  if (known.length === 0) return ''
  const best = closest(word, known)
  return distance(word, best) <= Math.max(2, word.length / 3) ? `; did you mean ${best}?` : ''
}
