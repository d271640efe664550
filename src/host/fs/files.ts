import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  statfsSync,
  statSync,
} from 'node:fs'

/** A path; bytes where a name in it is not UTF-8. */
export type Path = string | Buffer

export interface Status {
  readonly kind: 'file' | 'directory' | 'other'
  readonly mtimeMs: number
  /** Bytes; of a process's `fd` directory how many descriptors there are, 0 before Linux 6.2. */
  readonly size?: number
}

/** What a Dir stands on: a disk, or in tests an object of text. Failures are thrown with their errno `code`. */
export interface FileReader {
  /** A view into a buffer that the next read overwrites. `limit` bytes at most, in one read(2), if it is given. */
  read(path: Path, limit?: number): Buffer
  /** Entry names in byte order; a Buffer where a name is not UTF-8. */
  list(path: Path): Path[]
  /** Follows links. Undefined where nothing is there. */
  status(path: Path): Status | undefined
  link(path: Path): string
  real(path: Path): string
  /** Ends an interval: what was kept open for files that are gone is let go. */
  endCycle(): void
  /** Lets go of all that is kept open. What is read after that is not kept. */
  close(): void
}

/** https://docs.kernel.org: magic numbers of the file systems whose files are read again and again. */
const kernelFileSystems = new Set([0x9fa0, 0x62656572])

/** Descriptors kept open at most: well below the usual limit of 1024 of a process. */
const keptAtMost = 320

/** Paths remembered at most. */
const knownAtMost = 2 * keptAtMost

/** Intervals after which what was not asked for again is forgotten, and its descriptor closed. */
const knownFor = 3

/** Errors by which a path says that there is nothing at it. */
const absent = new Set(['ENOENT', 'ENOTDIR'])

/** A path that was asked for before: open, or missing with the error that said so, or neither yet. */
interface Known {
  readonly fd?: number
  readonly missing?: unknown
  used: number
}

/**
 * Reads below `root`. Where that is procfs or sysfs, a file read for the second time stays open: reading a kept
 * descriptor costs half of opening it anew. A descriptor whose file is gone answers ENODEV or ESRCH; it is opened
 * anew once. What was missing is looked for before it is opened again: a third of what an exception of Node's costs.
 * Reads are synchronous: the kernel answers from memory, and awaited reads cost five times more.
 */
export const diskFiles = (root: string): FileReader => new DiskFiles(root)

class DiskFiles implements FileReader {
  readonly #keeps: boolean
  readonly #known = new Map<string, Known>()
  #kept = 0
  #isClosed = false
  #interval = 0
  #buffer = Buffer.allocUnsafeSlow(8192)

  constructor(root: string) {
    this.#keeps = isKernel(root)
  }

  read(path: Path, limit?: number): Buffer {
    const one = this.#recall(path)
    if (one?.fd !== undefined) {
      const bytes = this.#readKept(path as string, one.fd, limit)
      if (bytes !== undefined) return bytes
    }
    const fd = this.#rememberIfMissing(path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
    const room = this.#keeps && !this.#isClosed && this.#kept < keptAtMost
    const keep = room && one !== undefined
    if (keep) this.#remember(path, { fd })
    else if (room || one?.missing !== undefined) this.#remember(path, {})
    try {
      return this.#bytes(fd, limit)
    } finally {
      if (!keep) closeSync(fd)
    }
  }

  list(path: Path): Path[] {
    this.#recall(path)
    return this.#rememberIfMissing(path, () => namesIn(path))
  }

  status(path: Path): Status | undefined {
    const status = statSync(path, { throwIfNoEntry: false })
    if (status === undefined) return undefined
    const kind = status.isFile() ? 'file' : status.isDirectory() ? 'directory' : 'other'
    return { kind, mtimeMs: status.mtimeMs, size: status.size }
  }

  link(path: Path): string {
    return readlinkSync(path)
  }

  real(path: Path): string {
    return realpathSync(path)
  }

  endCycle(): void {
    this.#interval++
    const before = this.#interval - knownFor
    this.#known.forEach(({ used }, path) => {
      if (used < before) this.#forget(path)
    })
  }

  close(): void {
    this.#isClosed = true
    for (const path of [...this.#known.keys()]) this.#forget(path)
  }

  /** What is known of a path. Throws what was thrown before, if nothing is there still. */
  #recall(path: Path): Known | undefined {
    const one = typeof path === 'string' ? this.#known.get(path) : undefined
    if (one === undefined) return undefined
    one.used = this.#interval
    if (one.missing !== undefined && !existsSync(path)) throw one.missing
    return one
  }

  #remember(path: Path, what: Pick<Known, 'fd' | 'missing'>): void {
    if (typeof path !== 'string' || (this.#known.size >= knownAtMost && !this.#known.has(path))) return
    this.#known.set(path, { ...what, used: this.#interval })
    if (what.fd !== undefined) this.#kept++
  }

  #forget(path: string): void {
    const fd = this.#known.get(path)?.fd
    this.#known.delete(path)
    if (fd === undefined) return
    this.#kept--
    closeSync(fd)
  }

  #rememberIfMissing<T>(path: Path, ask: () => T): T {
    try {
      return ask()
    } catch (error) {
      if (absent.has(codeOf(error))) this.#remember(path, { missing: error })
      throw error
    }
  }

  /** Undefined where what the descriptor stood for is gone. */
  #readKept(path: string, fd: number, limit: number | undefined): Buffer | undefined {
    try {
      return this.#bytes(fd, limit)
    } catch (error) {
      if (!gone.has(codeOf(error))) throw error
      this.#forget(path)
      return undefined
    }
  }

  /** All that is there, or one read(2) of at most `limit` bytes. A kept descriptor is read from its start. */
  #bytes(fd: number, limit: number | undefined): Buffer {
    if (limit !== undefined)
      return this.#buffer.subarray(0, readSync(fd, this.#buffer, 0, limit, this.#keeps ? 0 : null))
    for (let length = 0; ; ) {
      const got = readSync(fd, this.#buffer, length, this.#buffer.length - length, this.#keeps ? length : null)
      if (got === 0) return this.#buffer.subarray(0, length)
      length += got
      if (length === this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer, Buffer.allocUnsafeSlow(length)])
    }
  }
}

/** Errors by which a kept descriptor says that what it stood for is gone. */
const gone = new Set(['ENODEV', 'ESRCH', 'ENOENT', 'ESTALE', 'ENXIO'])

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function isKernel(root: string): boolean {
  try {
    return kernelFileSystems.has(statfsSync(root).type)
  } catch {
    return false // a root that is missing is reported where it is read
  }
}

function namesIn(path: Path): Path[] {
  const names: Path[] = readdirSync(path)
  if (!names.some((name) => (name as string).includes('\uFFFD'))) return names.sort()
  return readdirSync(path, { encoding: 'buffer' })
    .sort(Buffer.compare)
    .map((name) => (name.equals(Buffer.from(name.toString())) ? name.toString() : name))
}
