import { codeOf, type FileReader, type Path, type Status } from './files.ts'
import { decodeUtf8 } from './text.ts'

/** What errno codes mean "the kernel does not offer this here". The only list of its kind. */
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
  'ERR_INVALID_ARG_VALUE', // Node's: a name with a NUL byte in it, which no file has
])

export const isMissing = (error: unknown): boolean => missing.has(codeOf(error))

/** An attribute is one short line: node_exporter reads this much of it, in one read, and so do we. */
const attributeBytes = 128

interface Shared {
  readonly files: FileReader
  /** What `once` has parsed in this interval, by path and parser. */
  readonly parsed: Map<string, Map<unknown, unknown>>
}

/**
 * A directory of /proc, /sys or the root file system: all that a collector sees of the host. Paths are relative to it.
 * `name` is its last element, `id` what follows the prefix by which `children` found it.
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

  /** As it was configured and joined: what a label that holds a path says. */
  get path(): string {
    return typeof this.#path === 'string' ? this.#path : decodeUtf8(this.#path)
  }

  at(path: Path): Dir {
    const name = typeof path === 'string' ? path.slice(path.lastIndexOf('/') + 1) : decodeUtf8(path)
    return new Dir(this.#shared.files, joined(this.#path, path), name, name, this.#shared)
  }

  /** The same directory; its children cannot be asked for where it cannot be read. */
  listable(): Dir {
    const same = new Dir(this.#shared.files, this.#path, this.name, this.id, this.#shared)
    same.#mustList = true
    return same
  }

  /** True if it is there and is a directory or file that can be seen; links are followed. */
  exists(path: Path = ''): boolean {
    return this.status(path) !== undefined
  }

  status(path: Path = ''): Status | undefined {
    return unlessMissing(() => this.#shared.files.status(joined(this.#path, path)))
  }

  /** Names in byte order of what is in this directory; throws where it cannot be read. */
  entries(): string[] {
    return this.#list().map((name) => (typeof name === 'string' ? name : decodeUtf8(name)))
  }

  /**
   * The subdirectories (links to directories too) whose name begins with `prefix`, in byte order. None where this
   * directory is missing. Every entry of sysfs' class directories is one, so kinds are looked at only with `sure`.
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

  /** A whole file as text; throws where it cannot be read. */
  read(path: Path): string {
    return decodeUtf8(this.#shared.files.read(joined(this.#path, path)))
  }

  /** A whole file, or undefined where the kernel does not offer it. */
  readIfAny(path: Path): string | undefined {
    return unlessMissing(() => this.read(path))
  }

  /** A copy of a whole file's bytes; throws where it cannot be read. */
  bytes(path: Path): Buffer {
    return Buffer.from(this.#shared.files.read(joined(this.#path, path)))
  }

  /** One attribute: the first 128 bytes, without white space around. Undefined where the kernel does not offer it. */
  text(path: Path): string | undefined {
    return unlessMissing(() => decodeUtf8(this.#shared.files.read(joined(this.#path, path), attributeBytes)).trim())
  }

  /** Several attributes by name; those that are missing are left out. */
  texts<Name extends string>(names: readonly Name[]): { [name in Name]?: string } {
    const found: { [name in Name]?: string } = {}
    for (const name of names) {
      const text = this.text(name)
      if (text !== undefined) found[name] = text
    }
    return found
  }

  /** One attribute as a number (decimal, or hexadecimal with 0x); undefined where missing, throws where it is no number. */
  number(path: Path): number | undefined {
    const text = this.text(path)
    return text === undefined ? undefined : numberOf(text, () => `${this.path}/${path}`)
  }

  /** As `number`; undefined too where the text is no number, such as `<unknown>`, or nothing. */
  numberIfAny(path: Path): number | undefined {
    const text = this.text(path)
    return text === undefined ? undefined : parsedNumber(text)
  }

  /** Where a link points, as it is written; undefined where there is none. */
  link(path: Path): string | undefined {
    return unlessMissing(() => this.#shared.files.link(joined(this.#path, path)))
  }

  /** The absolute path with all links resolved; undefined where it is missing. */
  real(path: Path = ''): string | undefined {
    return unlessMissing(() => this.#shared.files.real(joined(this.#path, path)))
  }

  /** Reads and parses a file once an interval, however many collectors ask; they must not change what they get. */
  once<T>(path: string, parse: (text: string) => T): T {
    const key = this.path + (path.startsWith('/') ? '' : '/') + path
    let byParser = this.#shared.parsed.get(key)
    if (byParser === undefined) this.#shared.parsed.set(key, (byParser = new Map()))
    if (!byParser.has(parse)) byParser.set(parse, parse(this.read(path)))
    return byParser.get(parse) as T // set above under the same parser
  }

  /** Ends an interval for all directories made from this one. */
  endCycle(): void {
    this.#shared.parsed.clear()
    this.#shared.files.endCycle()
  }

  #list(): Path[] {
    return this.#shared.files.list(this.#path)
  }
}

/** A number as the kernel prints it; throws with the place where the text is none. */
export function numberOf(text: string, place: () => string): number {
  const value = parsedNumber(text)
  if (value === undefined) throw new Error(`${place()}: ${JSON.stringify(text.slice(0, 80))} is not a number`)
  return value
}

function parsedNumber(text: string): number | undefined {
  const value = /^[-+]?(\d|\.\d|0x[0-9a-f])/i.test(text) ? Number(text.replace(/^\+/, '')) : Number.NaN
  return Number.isNaN(value) ? undefined : value
}

/** Also true where the kind cannot be determined: the failure then belongs to this child and not to its siblings. */
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
