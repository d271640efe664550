import type { Entry } from '../../buffer/types.ts'
import type { Family } from '../../metrics/family.ts'

/** One family for each name that a type and help can be said of. */
export function familiesIn(entries: readonly Entry[]): readonly Family[] {
  const byName = new Map<string, Family>()
  for (const { family } of entries.at(-1)?.snapshot.series ?? []) {
    if (!byName.has(family.name)) byName.set(family.name, family)
  }
  return [...byName.values()]
}
