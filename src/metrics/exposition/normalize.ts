/*
 * Normalizes parsed families for a snapshot, as the registry of node_exporter does for the textfile collector: in a family
 * every sample has the same labels, a name has one help text, and a family stays the same object from one
 * interval to the next as long as it does not change.
 */
import { type Family, family, type Labels, type Suffix } from '../family.ts'
import type { ReadFamily, ReadSample } from './grouping.ts'
import { fault, named } from './text-fault.ts'
import { maxLabelNames, textLimits } from './text-limits.ts'

/** A family of one source. */
export interface NormalizedFamily extends Omit<ReadFamily, 'samples'> {
  readonly parts: readonly FamilyPart[]
}

/** The samples of one suffix. Each has every label; its value is empty if the source has none. */
export interface FamilyPart {
  readonly suffix: Suffix
  readonly labelNames: readonly string[]
  readonly samples: readonly ReadSample[]
}

/** A file or another source of families, by the name that appears in messages and help texts. */
export interface FamilySource {
  readonly name: string
  readonly families: readonly NormalizedFamily[]
}

/** Splits a family by suffix and adds the labels that only some of its samples have. Throws a TextFault if they are too many. */
export function normalizeFamily({ samples, ...rest }: ReadFamily): NormalizedFamily {
  const labelsOf = (some: readonly ReadSample[]) => some.flatMap(({ labels }) => Object.keys(labels))
  const bySuffix = Map.groupBy(samples, ({ suffix }) => suffix)
  // Each summary and histogram has a sum, and a sum has all labels except the bound.
  const common = labelsOf(bySuffix.get('_sum') ?? [])
  const parts = [...bySuffix].map(([suffix, some]) => {
    const labelNames = [...new Set([...common, ...labelsOf(some)])]
    if (labelNames.length > maxLabelNames)
      throw fault`more than ${maxLabelNames} different labels in the family ${named(rest.name)}`
    if (labelNames.length * some.length > textLimits.maxLabels)
      throw fault`more than ${textLimits.maxLabels} labels in the family ${named(rest.name)}`
    const empty = Object.fromEntries(labelNames.map((label) => [label, '']))
    return { suffix, labelNames, samples: some.map((one) => ({ ...one, labels: { ...empty, ...one.labels } })) }
  })
  return { ...rest, parts }
}

interface MergedFamilies {
  readonly families: readonly NormalizedFamily[]
  /** A message for each family that was left out. */
  readonly conflicts: readonly string[]
}

/**
 * The families of all sources, one help text for each name: the first that is not empty, or if no source has one, the
 * names of the sources. A family is left out if its source has a different help text than an earlier source.
 */
export function mergeFamilies(sources: readonly FamilySource[]): MergedFamilies {
  const helps = new Map<string, string>()
  const sourcesOf = new Map<string, string[]>()
  const conflicts: string[] = []
  const kept = sources.flatMap((source) =>
    source.families.filter(({ name, help }) => {
      const sources = sourcesOf.get(name)
      if (sources === undefined) sourcesOf.set(name, [source.name])
      else sources.push(source.name)
      const first = helps.get(name) || help
      helps.set(name, first)
      if (help === '' || help === first) return true
      conflicts.push(`${source.name}: the help of ${name} differs from the help in another file`)
      return false
    }),
  )
  for (const [name, sources] of sourcesOf) if (!helps.get(name)) helps.set(name, `Metric read from ${listed(sources)}`)
  const families = kept.map((one) => ({ ...one, help: helps.get(one.name) ?? '' }))
  return { families, conflicts }
}

/** Maximum number of sources that a help text names. */
const maxListed = 20

const listed = (names: readonly string[]) =>
  names.slice(0, maxListed).join(', ') + (names.length > maxListed ? ` and ${names.length - maxListed} more` : '')

interface FamilySample {
  readonly family: Family
  readonly value: number
  readonly labels: Labels
}

/** Families by name, type, help, suffix and labels. */
export type KnownFamilies = ReadonlyMap<string, Family>

/** The samples with the families of the snapshot: those of the previous interval where nothing has changed. */
export function familySamples(families: readonly NormalizedFamily[], previous: KnownFamilies) {
  const known = new Map<string, Family>()
  const samples: FamilySample[] = []
  for (const { name, type, help, parts } of families) {
    for (const { suffix, labelNames, samples: some } of parts) {
      const key = JSON.stringify([name, type, help, suffix, labelNames])
      const same = previous.get(key) ?? family(type, name, help, labelNames, suffix)
      known.set(key, same)
      for (const { value, labels } of some) samples.push({ family: same, value, labels })
    }
  }
  return { known: known satisfies KnownFamilies, samples }
}
