import { formatValue } from '../metrics/exposition/write.ts'
import { type Metadata, suffixes } from './decode.ts'
import { nameOf } from './labels.ts'
import type { Store } from './store.ts'

/** What the store holds as text exposition 0.0.4: families by name, series in the order they came, no stale ones. */
export function page(store: Store): string {
  const families = new Map<string, string[]>()
  for (const [series, { labels, value, stale }] of store.latest()) {
    if (stale) continue
    const family = familyOf(nameOf(labels) ?? '', store.metadata)
    let lines = families.get(family)
    if (lines === undefined) families.set(family, (lines = []))
    lines.push(`${series} ${formatValue(value)}\n`)
  }
  return [...families]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([family, lines]) => heading(family, store.metadata.get(family)) + lines.join(''))
    .join('')
}

/** The family that a series of this name is in: the one that there is metadata of. */
function familyOf(name: string, metadata: ReadonlyMap<string, Metadata>): string {
  for (const [type, suffix] of Object.entries(suffixes)) {
    const family = name.replace(suffix, '')
    if (family !== name && metadata.get(family)?.type === type) return family
  }
  return name
}

const textTypes = ['counter', 'gauge', 'histogram', 'summary']

function heading(family: string, metadata: Metadata | undefined): string {
  if (metadata === undefined) return ''
  const help = metadata.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  const type = textTypes.includes(metadata.type) ? metadata.type : 'untyped'
  return `${help === '' ? '' : `# HELP ${family} ${help}\n`}# TYPE ${family} ${type}\n`
}
