import { closest, distance } from 'fastest-levenshtein'

/** `; did you mean X?` with the most similar known word; empty if none is similar. */
export function didYouMean(word: string, known: readonly string[]): string {
  if (known.length === 0) return ''
  const best = closest(word, known)
  return distance(word, best) <= Math.max(2, word.length / 3) ? `; did you mean ${best}?` : ''
}
