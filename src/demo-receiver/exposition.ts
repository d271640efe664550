import { formatValue } from '../metrics/index.ts'
import { type Metadata, seriesSuffixes } from './decode.ts'
import { nameOf } from './labels.ts'
import type { Store } from './store.ts'

/**
 * Text exposition 0.0.4 of the store: families sorted by name, series in the order of arrival, without stale series.
 */
export function expositionText(store: Store): string {
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
    .map(([family, lines]) => header(family, store.metadata.get(family)) + lines.join(''))
    .join('')
}

/** The family of a series: its name without the suffix if there is metadata for that, otherwise its name. */
function familyOf(name: string, metadata: ReadonlyMap<string, Metadata>): string {
  for (const [type, suffix] of Object.entries(seriesSuffixes)) {
    const family = name.replace(suffix, '')
    if (family !== name && metadata.get(family)?.type === type) return family
  }
  return name
}

const textTypes = ['counter', 'gauge', 'histogram', 'summary']

function header(family: string, metadata: Metadata | undefined): string {
  if (metadata === undefined) return ''
  const help = metadata.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  const type = textTypes.includes(metadata.type) ? metadata.type : 'untyped'
  return `${help === '' ? '' : `# HELP ${family} ${help}\n`}# TYPE ${family} ${type}\n`
}
