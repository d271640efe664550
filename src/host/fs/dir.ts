import type { RegularFile } from '../../util/regular-file.ts'
import { codeOf, type FileReader, type Path, type Status } from './files.ts'
import { decodeUtf8 } from './text.ts'

/** Error codes that mean "the kernel does not offer this here". No other list of them exists. */
const missing = new Set([
  'ENOENT',
  'ENODATA',
  'ENODEV',
  'ENXIO',
  'ENOTDIR',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EINVAL',
  'EACCES',
  'EPERM',
  'EAGAIN',
  'ESRCH',
  'ERR_INVALID_ARG_VALUE', // from Node: a name with a NUL byte, which no file has
])

export const isMissing = (error: unknown): boolean => missing.has(codeOf(error))

/** Maximum bytes of an attribute, read with one read(2), as node_exporter does. */
const attributeBytes = 128

interface Shared {
  readonly files: FileReader
  /** Results of `once` in this interval, by path and parser. */
  readonly parsed: Map<string, Map<unknown, unknown>>
}

/**
 * A directory of /proc, /sys or the root file system; collectors read files only through it. Paths are relative to it.
 * `name` is its last path element, `id` the rest of the name after the prefix passed to `children`.
 */
export class Dir {
  readonly name: string
  readonly id: string
  readonly #path: Path
  readonly #shared: Shared
  #mustList = false

  constructor(files: FileReader, path: string)
  constructor(files: FileReader, path: Path, name: string, id: string, shared: Shared)
  constructor(files: FileReader, path: Path, name = '', id = '', shared: Shared = { files, parsed: new Map() }) {
    this.#path = path
    this.name = name
    this.id = id
    this.#shared = shared
  }

  /** The path as configured and joined, for labels and messages. */
  get path(): string {
    return typeof this.#path === 'string' ? this.#path : decodeUtf8(this.#path)
  }

  at(path: Path): Dir {
    const name = typeof path === 'string' ? path.slice(path.lastIndexOf('/') + 1) : decodeUtf8(path)
    return new Dir(this.#shared.files, joined(this.#path, path), name, name, this.#shared)
  }

  /** The same directory, but `children` throws if it is not readable. */
  listable(): Dir {
    const same = new Dir(this.#shared.files, this.#path, this.name, this.id, this.#shared)
    same.#mustList = true
    return same
  }

  /** Whether a file or directory exists and is accessible. Follows links. */
  exists(path: Path = ''): boolean {
    return this.status(path) !== undefined
  }

  status(path: Path = ''): Status | undefined {
    return unlessMissing(() => this.#shared.files.status(joined(this.#path, path)))
  }

  /** Names of the entries, in byte order; with `limit` at most this many. Throws if the directory is not readable. */
  entries(limit?: number): string[] {
    return this.#list(limit).map((name) => (typeof name === 'string' ? name : decodeUtf8(name)))
  }

  /**
   * The subdirectories (links to directories too) with names that begin with `prefix`, in byte order. Empty if this
   * directory is missing. Every entry of a class directory of sysfs is a directory, so the kind is checked only with `sure`.
   */
  children(prefix = '', sure: 'directories' | 'any' = 'any'): Dir[] {
    const names = this.#mustList ? this.#list() : (unlessMissing(() => this.#list()) ?? [])
    const found: Dir[] = []
    for (const name of names) {
      const text = typeof name === 'string' ? name : decodeUtf8(name)
      if (!text.startsWith(prefix)) continue
      const child = new Dir(this.#shared.files, joined(this.#path, name), text, text.slice(prefix.length), this.#shared)
      if (sure === 'any' || mayBeDirectory(child)) found.push(child)
    }
    return found
  }

  /** A whole file as text. Throws if it is not readable. */
  read(path: Path): string {
    return decodeUtf8(this.#shared.files.read(joined(this.#path, path)))
  }

  /** A whole file as text; undefined if the kernel does not offer it. */
  readIfAny(path: Path): string | undefined {
    return unlessMissing(() => this.read(path))
  }

  /** A copy of a whole file's bytes. Throws if it is not readable. */
  bytes(path: Path): Buffer {
    return Buffer.from(this.#shared.files.read(joined(this.#path, path)))
  }

  /** A file that another user may have written. Throws unless it is a regular file of at most `maxBytes`. */
  regular(path: Path, maxBytes: number): RegularFile {
    return this.#shared.files.readRegular(joined(this.#path, path), maxBytes)
  }

  /** One attribute: the first 128 bytes, trimmed. Undefined if the kernel does not offer it. */
  text(path: Path): string | undefined {
    return unlessMissing(() => decodeUtf8(this.#shared.files.read(joined(this.#path, path), attributeBytes)).trim())
  }

  /** Several attributes by name; missing ones are omitted. */
  texts<Name extends string>(names: readonly Name[]): { [name in Name]?: string } {
    const found: { [name in Name]?: string } = {}
    for (const name of names) {
      const text = this.text(name)
      if (text !== undefined) found[name] = text
    }
    return found
  }

  /** One attribute as a number (decimal, or hexadecimal with 0x); undefined if missing. Throws if it is not a number. */
  number(path: Path): number | undefined {
    const text = this.text(path)
    return text === undefined ? undefined : numberOf(text, () => `${this.path}/${path}`)
  }

  /** As `number`, but undefined if the text is not a number, such as `<unknown>`, or empty. */
  numberIfAny(path: Path): number | undefined {
    const text = this.text(path)
    return text === undefined ? undefined : parsedNumber(text)
  }

  /** The target of a link as written; undefined if it is missing. */
  link(path: Path): string | undefined {
    return unlessMissing(() => this.#shared.files.link(joined(this.#path, path)))
  }

  /** The absolute path with all links resolved; undefined if it is missing. */
  real(path: Path = ''): string | undefined {
    return unlessMissing(() => this.#shared.files.real(joined(this.#path, path)))
  }

  /** Reads and parses a file once per interval for all collectors. They must not modify the result. */
  once<T>(path: string, parse: (text: string) => T): T {
    const key = this.path + (path.startsWith('/') ? '' : '/') + path
    let byParser = this.#shared.parsed.get(key)
    if (byParser === undefined) this.#shared.parsed.set(key, (byParser = new Map()))
    if (!byParser.has(parse)) byParser.set(parse, parse(this.read(path)))
    return byParser.get(parse) as T // stored by the same parser
  }

  /** Ends an interval for all directories derived from this one. */
  endCycle(): void {
    this.#shared.parsed.clear()
    this.#shared.files.endCycle()
  }

  #list(limit?: number): Path[] {
    return this.#shared.files.list(this.#path, limit)
  }
}

/** Parses a number as the kernel prints it. Throws an Error with the place if the text is not a number. */
export function numberOf(text: string, place: () => string): number {
  const value = parsedNumber(text)
  if (value === undefined) throw new Error(`${place()}: ${JSON.stringify(text.slice(0, 80))} is not a number`)
  return value
}

function parsedNumber(text: string): number | undefined {
  const value = /^[-+]?(\d|\.\d|0x[0-9a-f])/i.test(text) ? Number(text.replace(/^\+/, '')) : Number.NaN
  return Number.isNaN(value) ? undefined : value
}

/** Also true if the kind is unknown: reading this child then fails, and its siblings are not affected. */
function mayBeDirectory(dir: Dir): boolean {
  try {
    return dir.status()?.kind === 'directory'
  } catch {
    return true
  }
}

function unlessMissing<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function joined(path: Path, more: Path): Path {
  if (more.length === 0) return path
  if (typeof path === 'string' && typeof more === 'string') return path === '/' ? `/${more}` : `${path}/${more}`
  return Buffer.concat([Buffer.from(path), Buffer.from('/'), Buffer.from(more)])
}
