import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Files and symbolic links by path. Paths and contents may be invalid UTF-8: each UTF-16 unit of a string is one byte.
 * `bytes` converts an ordinary string.
 */
export type Tree = Readonly<Record<string, string | { readonly link: string }>>

/** An unusual host. Its tree contains `proc/`, `sys/`, `udev/` and the root file system. */
export interface OddHost {
  readonly name: string
  readonly tree: Tree
  /** Without the flags for the paths of the trees. */
  readonly flags: readonly string[]
  /** Files for hostpush only, because node_exporter panics or loses a whole collector; their series are extra. */
  readonly extraTree?: Tree
  /** The user who runs both programs; default root. */
  readonly user?: string
  /** Files and directories without permission for this user. */
  readonly unreadable?: readonly string[]
  /** Files that fail to read, with the errno. */
  readonly readErrors?: Readonly<Record<string, number>>
}

export const bytes = (text: string): string => Buffer.from(text).toString('latin1')

export function writeTree(folder: string, tree: Tree): void {
  for (const [path, node] of Object.entries(tree)) {
    const at = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(path, 'latin1')])
    mkdirSync(Buffer.from(dirname(at.toString('latin1')), 'latin1'), { recursive: true })
    if (typeof node === 'object' && 'link' in node) symlinkSync(node.link, at)
    else writeFileSync(at, Buffer.from(node, 'latin1'))
  }
}

/** The tree with each path below a directory. */
export const below = (directory: string, tree: Tree): Tree =>
  Object.fromEntries(Object.entries(tree).map(([path, node]) => [`${directory}/${path}`, node]))

/** Merges trees; files with the same path are concatenated. */
export function mergeTrees(trees: readonly Tree[]): Tree {
  const all: Record<string, Tree[string]> = {}
  for (const [path, node] of trees.flatMap((tree) => Object.entries(tree))) {
    const before = all[path]
    all[path] = typeof before === 'string' && typeof node === 'string' ? before + node : node
  }
  return all
}

/** The content of a file with these lines. */
export const file = (...lines: readonly string[]): string => `${lines.join('\n')}\n`

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** Flags that enable only these collectors. */
export const only = (...collectors: readonly string[]): string[] => [
  '--collector.disable-defaults',
  ...collectors.map((name) => `--collector.${name}`),
]
