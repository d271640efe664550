import { parseSample } from '../src/metrics/exposition/line.ts'
import { seriesText } from '../src/metrics/exposition/write.ts'

/** A family of a text exposition: values by series, `name{labels sorted by name}`. */
interface Family {
  readonly type: string
  readonly series: Map<string, number>
}

export type Exposition = ReadonlyMap<string, Family>

/**
 * The kind of a difference: a series that only the peer or only hostpush (`ours`) has, a value, or a family's type.
 * docs/differences.md uses the same words.
 */
export type Side = (typeof sides)[number]
const sides = ['peer', 'ours', 'value', 'type'] as const

export interface Difference {
  readonly family: string
  readonly side: Side
  readonly text: string
}

/** Parses a text exposition without merging or adding anything. */
export function expositionOf(text: string): Exposition {
  const families = new Map<string, Family>()
  const types = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (typed !== undefined && type !== undefined) types.set(typed, type)
    if (line === '' || line.startsWith('#')) continue
    const { name, labels, value } = parseSample(line)
    const base = name.replace(/_(bucket|sum|count)$/, '')
    const family = types.has(name) || !/^(histogram|summary)$/.test(types.get(base) ?? '') ? name : base
    let found = families.get(family)
    if (found === undefined) families.set(family, (found = { type: types.get(family) ?? 'untyped', series: new Map() }))
    const sorted = [...labels].sort(([left], [right]) => (left < right ? -1 : 1))
    found.series.set(seriesText(name, sorted), value)
  }
  return families
}

/** The peer's metrics just before and just after those of hostpush. */
export interface Peer {
  readonly before: Exposition
  readonly after: Exposition
}

/** Lists the differences. It ignores values of a family that `moves` accepts or that changed at the peer. */
export function compare(peer: Peer, ours: Exposition, moves: (family: string) => boolean): Difference[] {
  const names = new Set([...peer.before.keys(), ...peer.after.keys(), ...ours.keys()])
  return [...names].sort().flatMap((family) => {
    const [before, after, own] = [peer.before.get(family), peer.after.get(family), ours.get(family)]
    const found: Difference[] = []
    const differs = (side: Side, text: string) => found.push({ family, side, text })
    if (before !== undefined && own !== undefined && before.type !== own.type)
      differs('type', `${family}: ${before.type}, ours is ${own.type}`)
    const isConstant = !moves(family) && !hasChanged(before, after)
    for (const [series, value] of before?.series ?? []) {
      if (!after?.series.has(series)) continue // the series ended meanwhile
      const ownValue = own?.series.get(series)
      if (ownValue === undefined) differs('peer', `${series} ${value}`)
      else if (isConstant && !same(ownValue, value)) differs('value', `${series} ${value}, ours is ${ownValue}`)
    }
    for (const [series, value] of own?.series ?? [])
      if (!before?.series.has(series) && !after?.series.has(series)) differs('ours', `${series} ${value}`)
    return found
  })
}

function hasChanged(before: Family | undefined, after: Family | undefined): boolean {
  return [...(before?.series ?? [])].some(([series, value]) => !same(after?.series.get(series) ?? value, value))
}

const same = (left: number, right: number) => left === right || (Number.isNaN(left) && Number.isNaN(right))

/** A row of the table of listed differences; `family` may contain `*`. */
export interface ListedDifference {
  readonly family: string
  readonly side: Side
}

/** Parses the rows that begin with a family and a side in backticks. */
export function listedDifferences(markdown: string): ListedDifference[] {
  return [...markdown.matchAll(/^\| `([^`]+)` \| `([^`]+)` \|/gm)].map(([row, family = '', side = '']) => {
    const knownSide = sides.find((one) => one === side)
    if (knownSide === undefined) throw new Error(`differences: ${row} must have one of ${sides.join(', ')}`)
    return { family, side: knownSide }
  })
}

export function isListed({ family, side }: Difference, listed: readonly ListedDifference[]): boolean {
  return listed.some((one) => {
    const pattern = one.family.split('*').map(RegExp.escape).join('.*')
    return one.side === side && new RegExp(`^${pattern}$`).test(family)
  })
}
