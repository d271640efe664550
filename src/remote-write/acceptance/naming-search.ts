import type { Series } from '../../metrics/index.ts'
import { identityText } from '../series/series-text.ts'

/** Series of which at least one, or possibly none, is rejected. */
interface Group {
  readonly texts: readonly string[]
  /** At least one of them is rejected. */
  isBad: boolean
  /** Halves that may be good. */
  readonly isRest?: boolean
  /** If the receiver accepts that other half, this half is bad. */
  readonly otherHalf?: Group
}

/**
 * Finds the rejected series of a snapshot by sending parts of it again. Pure: it decides which series are sent next, and
 * learns from the answers.
 */
export class NamingSearch {
  /** The last one is next. */
  readonly #groups: Group[] = []
  /** Series that an answer or a message has cleared or named. */
  readonly #known = new Set<string>()

  get isOver(): boolean {
    return this.#groups.length === 0
  }

  /** Number of series that may be rejected. */
  get suspects(): number {
    return this.#groups.reduce((sum, { texts }) => sum + texts.length, 0)
  }

  /** Adds series that may be rejected. `isBad`: at least one of them is. Ignores those that are known or added already. */
  add(series: Iterable<Series>, isBad: boolean): void {
    const waiting = new Set(this.#groups.flatMap(({ texts }) => texts))
    const all = [...series].map(identityText)
    const texts = all.filter((text) => !waiting.has(text) && !this.#known.has(text))
    if (texts.length > 0) this.#groups.unshift({ texts, isBad: isBad && texts.length === all.length })
  }

  /** A message names this rejected series. */
  named(series: Series): void {
    const text = identityText(series)
    this.#known.add(text)
    for (const [i, group] of this.#groups.entries())
      if (group.texts.includes(text)) this.#groups[i] = withoutText(group, text)
    this.#removeEmpty()
  }

  /**
   * The identity texts of the series to send next. Groups of which one series is known to be rejected are split first; a
   * single one of them is passed to `onNamed` without a request. Undefined if nothing is left.
   */
  next(onNamed: (text: string) => void): ReadonlySet<string> | undefined {
    for (let group = this.#groups.at(-1); group !== undefined; group = this.#groups.at(-1)) {
      if (!group.isBad) return new Set(group.texts)
      this.#groups.pop()
      const [only, ...more] = group.texts
      if (only !== undefined && more.length === 0) {
        this.#known.add(only)
        onNamed(only)
      } else this.#split(group)
    }
    return undefined
  }

  /** The receiver accepted the series of `next`. */
  accepted(): void {
    const group = this.#groups.pop()
    for (const text of group?.texts ?? []) this.#known.add(text)
    for (const other of this.#groups) if (group !== undefined && other.otherHalf === group) other.isBad = true
  }

  /** The receiver rejected some of them and named none. The other half may be good: one request tests all such halves. */
  rejected(): void {
    const group = this.#groups.at(-1)
    if (group === undefined) return
    group.isBad = true
    const other = this.#groups.findIndex(({ otherHalf }) => otherHalf === group)
    const [half] = other < 0 ? [] : this.#groups.splice(other, 1)
    if (half === undefined) return
    const [first] = this.#groups
    const rest = first?.isRest ? first.texts : []
    if (first?.isRest) this.#groups.shift()
    this.#groups.unshift({ texts: [...rest, ...half.texts], isBad: false, isRest: true })
  }

  /** None of the series of `next` exists now. */
  skip(): void {
    this.#groups.pop()
  }

  clear(): void {
    this.#groups.length = 0
    this.#known.clear()
  }

  #split({ texts }: Group): void {
    const middle = Math.ceil(texts.length / 2)
    const first: Group = { texts: texts.slice(0, middle), isBad: false }
    this.#groups.push({ texts: texts.slice(middle), isBad: false, otherHalf: first }, first)
  }

  #removeEmpty(): void {
    const kept = this.#groups.filter(({ texts }) => texts.length > 0)
    this.#groups.splice(0, this.#groups.length, ...kept)
  }
}

/** The named series may be the only rejected one. */
const withoutText = ({ texts, isRest }: Group, text: string): Group => ({
  texts: texts.filter((one) => one !== text),
  isBad: false,
  ...(isRest && { isRest }),
})
