import type { FileReader, Path, Status } from '../../src/host/fs/files.ts'

/** A file's text or bytes, a link, or the errno of a read. A key is a path below the root. */
export type Node = string | Uint8Array | Dated | { readonly link: string } | { readonly error: string }
/** A file with a modification time; that of others is 1970. */
export interface Dated {
  readonly text: string
  readonly mtimeMs: number
  /** Messages must not quote it. */
  readonly isPrivate?: true
}
export type Tree = Readonly<Record<string, Node>>

/** A tree's files, all below a directory. */
export function under(directory: string, tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).map(([path, node]) => [`${directory}/${path}`, node]))
}

/** The Files contract over an object of texts. The paths imply the directories. */
export function textFiles(tree: Tree): FileReader {
  const links = (path: string): string => {
    for (const [at, node] of Object.entries(tree)) {
      if (typeof node !== 'object' || !('link' in node)) continue
      if (path === at || path.startsWith(`${at}/`))
        return links(normal(`${at}/../${node.link}${path.slice(at.length)}`))
    }
    return path
  }
  const find = (path: Path): Node | 'directory' => {
    const at = links(normal(String(path)))
    const node = tree[at]
    if (node !== undefined) return node
    if (at === '' || Object.keys(tree).some((key) => key.startsWith(`${at}/`))) return 'directory'
    throw failure('ENOENT', at)
  }
  return {
    read(path, limit) {
      const node = find(path)
      if (node === 'directory') throw failure('EISDIR', String(path))
      if (typeof node === 'object' && 'error' in node) throw failure(node.error, String(path))
      const bytes = Buffer.from(isDated(node) ? node.text : (node as string | Uint8Array))
      return limit === undefined ? bytes : bytes.subarray(0, limit)
    },
    readRegular(path, maxBytes) {
      const bytes = this.read(path)
      if (bytes.length > maxBytes) throw new Error(`larger than ${maxBytes} bytes`)
      const node = find(path)
      const isPublic = !(isDated(node as Node) && (node as Dated).isPrivate)
      return { bytes, mtimeMs: this.status(path)?.mtimeMs ?? 0, isPublic }
    },
    list(path) {
      const node = find(path)
      if (node !== 'directory')
        throw failure(typeof node === 'object' && 'error' in node ? node.error : 'ENOTDIR', String(path))
      const at = links(normal(String(path)))
      const prefix = at === '' ? '' : `${at}/`
      const names = Object.keys(tree).flatMap((key) =>
        key.startsWith(prefix) ? [key.slice(prefix.length).split('/')[0] ?? ''] : [],
      )
      return [...new Set(names)].sort()
    },
    status(path): Status {
      const node = find(path)
      if (typeof node === 'object' && 'error' in node && node.error !== 'EIO') return { kind: 'file', mtimeMs: 0 }
      return { kind: node === 'directory' ? 'directory' : 'file', mtimeMs: isDated(node) ? node.mtimeMs : 0 }
    },
    link(path) {
      const node = tree[normal(String(path))]
      if (typeof node === 'object' && 'link' in node) return node.link
      throw failure(node === undefined ? 'ENOENT' : 'EINVAL', String(path))
    },
    real(path) {
      find(path)
      return `/${links(normal(String(path)))}`
    },
    endCycle() {},
    close() {},
  }
}

const isDated = (node: Node): node is Dated => typeof node === 'object' && 'mtimeMs' in node

function normal(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}
