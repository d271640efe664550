import type { Cursor, Entry } from '../../buffer/index.ts'
import type { Series } from '../../metrics/index.ts'
import { markable } from '../encode/batch.ts'
import { labelsOf } from '../encode/labels.ts'
import type { Relabeller } from './relabel.ts'

/** So long a series without a marker is seen in queries; a later marker would only make it anew. */
const lookbackMs = 300_000

interface Deps {
  readonly cursor: Cursor
  readonly relabeller: Relabeller
}

/** The series that an endpoint got last, of this agent or the one before it: those that do not come any more have ended. */
export class StaleTracker {
  readonly #deps: Deps
  /** Undefined as long as this sender has delivered nothing. */
  #series: readonly Series[] | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** What is sent of these, and the series of the snapshot before them; one object for each label set of both. */
  async previousSeries(read: readonly Entry[]) {
    this.#series ??= await this.#ofAnother(read)
    return canonicalize(this.#deps.relabeller.entries(read), this.#series)
  }

  delivered(entry: Entry): void {
    this.#series = markable(entry)
  }

  async #ofAnother([first]: readonly Entry[]): Promise<readonly Series[]> {
    const { cursor, relabeller } = this.#deps
    const last = await cursor.lastDelivered((first?.snapshot.timestampMs ?? 0) - lookbackMs)
    return last === undefined ? [] : markable(relabeller.counted(last))
  }
}

type List = readonly Series[]

/** Labels as text, of series that had to be compared by them. */
const texts = new WeakMap<Series, string>()

/**
 * The same entries, and the series that came before them, with one object for each label set: a series that is read back
 * from the log, or that comes again after it was forgotten, may be another object than the one before it under the same
 * labels, and between the two it has neither ended nor begun. Where all snapshots have the same series there is nothing
 * to do.
 */
export function canonicalize(
  entries: readonly Entry[],
  before: List,
): { readonly entries: readonly Entry[]; readonly before: List } {
  // newest first: from some snapshot on there are only the objects of this agent
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

/** For each object whose labels one in a list before has, that one; undefined where there is none such. */
function duplicates(lists: ReadonlySet<List>): ReadonlyMap<Series, Series> | undefined {
  const first = new Map<string, Series>()
  const found = new Map<Series, Series>()
  for (const series of notInAll([...lists])) {
    const text = textOf(series)
    const known = first.get(text)
    if (known === undefined) first.set(text, series)
    else found.set(series, known)
  }
  return found.size === 0 ? undefined : found
}

/** The series that some of these lists lack: all others are one object already. */
function notInAll(lists: readonly List[]): readonly Series[] {
  const counts = new Map<Series, number>()
  for (const list of lists) for (const series of list) counts.set(series, (counts.get(series) ?? 0) + 1)
  return [...counts].flatMap(([series, count]) => (count < lists.length ? [series] : []))
}

function textOf(series: Series): string {
  let text = texts.get(series)
  if (text === undefined) texts.set(series, (text = JSON.stringify(labelsOf(series))))
  return text
}
