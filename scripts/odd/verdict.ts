import { readFileSync } from 'node:fs'
import { type Difference, type Exposition, expositionOf, isKnown, type Known, knownOf, type Side } from '../compare.ts'
import { collected, type Setting, type Verdict } from '../judge.ts'
import { merged, plant, type Tree } from './host.ts'

/** What we say of what the peer cannot read, and what we say no more because of it. */
interface Beyond {
  readonly missing: readonly string[]
  readonly added: number
}

/** Puts into the tree what is for us alone: all that the peer said of the rest must still be there. */
export function beyond(tree: Tree, more: Tree, setting: Setting, peer: Exposition): Beyond {
  const all = merged([tree, more])
  plant(setting.cwd, Object.fromEntries(Object.entries(all).filter(([path]) => path in more)))
  const own = expositionOf(collected(setting, setting.flags))
  const missing: string[] = []
  let [peers, ours] = [0, 0]
  for (const [family, { series }] of own) if (!setting.leftOut.test(family)) ours += series.size
  for (const [family, { series }] of peer) {
    peers += series.size
    for (const one of series.keys()) if (!own.get(family)?.series.has(one)) missing.push(one)
  }
  return { missing, added: ours - peers + missing.length }
}

/** Differences that are told of this host alone: rows `| HOST | `family` | `side` | … |`. */
function toldOf(host: string): readonly Known[] {
  const page = readFileSync(new URL('../../docs/differences.md', import.meta.url), 'utf8')
  const rows = page.split('\n').filter((row) => row.startsWith(`| ${host} | `))
  return knownOf(rows.map((row) => row.slice(`| ${host} `.length)).join('\n'))
}

const shownAtMost = 20

/** Prints the line of a host; true if nothing differs that is not told of. */
export function report(name: string, verdict: Verdict, more?: Beyond): boolean {
  const told = toldOf(name)
  const all = [...verdict.known, ...verdict.unknown]
  const unknown = verdict.unknown.filter((difference) => !isKnown(difference, told))
  const count = (side: Side) => all.filter((one) => one.side === side).length
  const series = [...verdict.peer.values()].reduce((sum, family) => sum + family.series.size, 0)
  const had = series - count('peer')
  const beside = more === undefined ? '' : `, and ${more.added} of what node_exporter cannot read`
  const values = `values ${had - count('value')}/${series}`
  console.log(`${name.padEnd(16)} series ${had}/${series}, ${values}, extras ${count('ours')}${beside}`)
  const lost = (more?.missing ?? []).map(
    (series): Pick<Difference, 'side' | 'text'> => ({ side: 'peer', text: series }),
  )
  const shown = [...unknown, ...lost]
  for (const { side, text } of shown.slice(0, shownAtMost)) console.log(`    ${side.padEnd(5)} ${text}`)
  if (shown.length > shownAtMost) console.log(`    and ${shown.length - shownAtMost} more`)
  return shown.length === 0
}
