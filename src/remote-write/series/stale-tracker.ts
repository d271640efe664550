import type { Cursor, Entry } from '../../buffer/index.ts'
import type { Series } from '../../metrics/index.ts'
import { markable } from '../encode/batch.ts'
import type { Relabeller } from './relabel.ts'
import { identityText } from './series-text.ts'

/** The lookback of Prometheus queries. A series older than this needs no stale marker. */
const lookbackMs = 300_000

interface Deps {
  readonly cursor: Cursor
  readonly relabeller: Relabeller
}

/** Series of the last delivered snapshot, of this or the previous agent. Those that are missing later get a stale marker. */
export class StaleTracker {
  readonly #deps: Deps
  /** Undefined until this sender has delivered a snapshot. */
  #series: readonly Series[] | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** The relabelled entries and the series of the snapshot before them, with one object per label set. */
  async previousSeries(read: readonly Entry[]) {
    this.#series ??= await this.#ofPreviousAgent(read)
    return canonicalize(this.#deps.relabeller.entries(read), this.#series)
  }

  delivered(entry: Entry): void {
    this.#series = markable(entry)
  }

  async #ofPreviousAgent([first]: readonly Entry[]): Promise<readonly Series[]> {
    const { cursor, relabeller } = this.#deps
    const last = await cursor.lastDelivered((first?.snapshot.timestampMs ?? 0) - lookbackMs)
    return last === undefined ? [] : markable(relabeller.counted(last))
  }
}

type List = readonly Series[]

/**
 * Returns the entries and the series before them with one object per label set. A series that was read from the log, or
 * that returns after it was evicted, can be a different object with the same labels; without this step it would get a
 * stale marker. Does nothing if all snapshots share one list of series.
 */
export function canonicalize(
  entries: readonly Entry[],
  before: List,
): { readonly entries: readonly Entry[]; readonly before: List } {
  // newest first, so that the objects of this agent are kept
  const lists = new Set(entries.toReversed().map(({ snapshot }) => snapshot.series))
  if (before.length > 0) lists.add(before)
  const objects = lists.size <= 1 ? undefined : duplicates(lists)
  if (objects === undefined) return { entries, before }
  const same = new Map<List, List>()
  for (const list of lists)
    same.set(
      list,
      list.map((series) => objects.get(series) ?? series),
    )
  const of = (list: List) => same.get(list) ?? list
  return {
    entries: entries.map((entry) => ({ ...entry, snapshot: { ...entry.snapshot, series: of(entry.snapshot.series) } })),
    before: of(before),
  }
}

/** Maps each duplicate to the first object with the same labels; undefined if there are no duplicates. */
function duplicates(lists: ReadonlySet<List>): ReadonlyMap<Series, Series> | undefined {
  const first = new Map<string, Series>()
  const duplicateOf = new Map<Series, Series>()
  for (const series of notInAll([...lists])) {
    const text = identityText(series)
    const original = first.get(text)
    if (original === undefined) first.set(text, series)
    else duplicateOf.set(series, original)
  }
  return duplicateOf.size === 0 ? undefined : duplicateOf
}

/** Series that are not in every list. All others are the same object already. */
function notInAll(lists: readonly List[]): readonly Series[] {
  const counts = new Map<Series, number>()
  for (const list of lists) for (const series of list) counts.set(series, (counts.get(series) ?? 0) + 1)
  return [...counts].flatMap(([series, count]) => (count < lists.length ? [series] : []))
}
