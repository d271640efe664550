import type { Entry } from '../buffer/buffer.ts'
import type { Series } from '../metrics/series.ts'
import { labelsOf } from './labels.ts'

/** Labels as text, of series that had to be compared by them. */
const texts = new WeakMap<Series, string>()

/**
 * The same entries, and the series that came before them, with one object for each label set: a series that is read back
 * from the log is another object than what the agent collects now under the same labels, and between the two it has
 * neither ended nor begun. Where all snapshots have the same series there is nothing to do.
 */
export function withOneObjectEach(
  entries: readonly Entry[],
  before: readonly Series[],
): { readonly entries: readonly Entry[]; readonly before: readonly Series[] } {
  const lists = new Set([before, ...entries.map(({ snapshot }) => snapshot.series)])
  if (lists.size === 1 || !isRepeated(lists)) return { entries, before }
  const objects = new Map<string, Series>()
  const same = new Map<readonly Series[], readonly Series[]>()
  // the newest one counts: from some snapshot on there are only those of this agent
  for (const list of [...lists].reverse()) {
    same.set(
      list,
      list.map((series) => {
        const text = textOf(series)
        const known = objects.get(text) ?? series
        objects.set(text, known)
        return known
      }),
    )
  }
  const of = (list: readonly Series[]) => same.get(list) ?? list
  return {
    entries: entries.map((entry) => ({ ...entry, snapshot: { ...entry.snapshot, series: of(entry.snapshot.series) } })),
    before: of(before),
  }
}

/** Whether two objects may have the same labels: only the buffer makes one that there is already, and numbers it so. */
function isRepeated(lists: ReadonlySet<readonly Series[]>): boolean {
  for (const list of lists) if (list.some(({ ref }) => ref < 0)) return true
  return false
}

function textOf(series: Series): string {
  let text = texts.get(series)
  if (text === undefined) texts.set(series, (text = JSON.stringify(labelsOf(series))))
  return text
}
