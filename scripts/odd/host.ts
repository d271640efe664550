import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Files by their path, or links. Not all that is in a path or a file is UTF-8: texts hold a byte in each unit, and
 * `bytes` makes such a text of any other.
 */
export type Tree = Readonly<Record<string, string | { readonly link: string }>>

/** A host that is not as most are. Its tree holds `proc/`, `sys/`, `udev/` and the root file system. */
export interface OddHost {
  readonly name: string
  readonly tree: Tree
  /** Without those that say where the trees are. */
  readonly flags: readonly string[]
  /** What is in the tree for us alone, as node_exporter panics at it or loses a whole collector; all of it is extra. */
  readonly beyond?: Tree
  /** Who looks at it; else root. */
  readonly user?: string
  /** Files and directories that this user may not read. */
  readonly refused?: readonly string[]
  /** Files of which reading fails, by the number of the error. */
  readonly broken?: Readonly<Record<string, number>>
}

export const bytes = (text: string): string => Buffer.from(text).toString('latin1')

export function plant(folder: string, tree: Tree): void {
  for (const [path, node] of Object.entries(tree)) {
    const at = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(path, 'latin1')])
    mkdirSync(Buffer.from(dirname(at.toString('latin1')), 'latin1'), { recursive: true })
    if (typeof node === 'object' && 'link' in node) symlinkSync(node.link, at)
    else writeFileSync(at, Buffer.from(node, 'latin1'))
  }
}

/** A tree below a directory. */
export const below = (directory: string, tree: Tree): Tree =>
  Object.fromEntries(Object.entries(tree).map(([path, node]) => [`${directory}/${path}`, node]))

/** All in one; what several have at one place is put together. */
export function merged(trees: readonly Tree[]): Tree {
  const all: Record<string, Tree[string]> = {}
  for (const [path, node] of trees.flatMap((tree) => Object.entries(tree))) {
    const before = all[path]
    all[path] = typeof before === 'string' && typeof node === 'string' ? before + node : node
  }
  return all
}

/** A file of these lines. */
export const file = (...lines: readonly string[]): string => `${lines.join('\n')}\n`

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** Only these collectors. */
export const only = (...collectors: readonly string[]): string[] => [
  '--collector.disable-defaults',
  ...collectors.map((name) => `--collector.${name}`),
]
