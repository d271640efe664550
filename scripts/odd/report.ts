import { readFileSync } from 'node:fs'
import {
  type Difference,
  type Exposition,
  expositionOf,
  isListed,
  type ListedDifference,
  listedDifferences,
  type Side,
} from '../compare.ts'
import { type ComparisonResult, type ComparisonSetup, runCollect } from '../compare-programs.ts'
import { mergeTrees, type Tree, writeTree } from './host.ts'

/** Series that hostpush adds for files that the peer cannot read, and series that it loses because of them. */
interface ExtraResult {
  readonly missing: readonly Difference[]
  readonly added: number
}

/** Adds the extra files to the tree: hostpush must still report all series of the peer. */
export function compareExtra(tree: Tree, more: Tree, setting: ComparisonSetup, peer: Exposition): ExtraResult {
  const all = mergeTrees([tree, more])
  writeTree(setting.cwd, Object.fromEntries(Object.entries(all).filter(([path]) => path in more)))
  const own = expositionOf(runCollect(setting, setting.flags))
  const missing: Difference[] = []
  let [peers, ours] = [0, 0]
  for (const [family, { series }] of own) if (!setting.ignored.test(family)) ours += series.size
  for (const [family, { series }] of peer) {
    peers += series.size
    for (const text of series.keys())
      if (!own.get(family)?.series.has(text)) missing.push({ family, side: 'peer', text })
  }
  return { missing, added: ours - peers + missing.length }
}

/** Differences listed for this host only: rows `| HOST | `family` | `side` | … |`. */
function listedFor(host: string): readonly ListedDifference[] {
  const page = readFileSync(new URL('../../docs/differences.md', import.meta.url), 'utf8')
  const rows = page.split('\n').filter((row) => row.startsWith(`| ${host} | `))
  return listedDifferences(rows.map((row) => row.slice(`| ${host} `.length)).join('\n'))
}

const maxShown = 20

/** Prints the line of a host; true if every difference is listed. */
export function report(name: string, verdict: ComparisonResult, more?: ExtraResult): boolean {
  const listedHere = listedFor(name)
  const all = [...verdict.listed, ...verdict.unlisted]
  const unlisted = verdict.unlisted.filter((difference) => !isListed(difference, listedHere))
  const count = (side: Side) => all.filter((one) => one.side === side).length
  const series = [...verdict.peer.values()].reduce((sum, family) => sum + family.series.size, 0)
  const had = series - count('peer')
  const beside = more === undefined ? '' : `, and ${more.added} from files that node_exporter cannot read`
  const values = `values ${had - count('value')}/${series}`
  console.log(`${name.padEnd(16)} series ${had}/${series}, ${values}, extras ${count('ours')}${beside}`)
  const lost = (more?.missing ?? []).filter((difference) => !isListed(difference, listedHere))
  const shown = [...unlisted, ...lost]
  for (const { side, text } of shown.slice(0, maxShown)) console.log(`    ${side.padEnd(5)} ${text}`)
  if (shown.length > maxShown) console.log(`    and ${shown.length - maxShown} more`)
  return shown.length === 0
}
