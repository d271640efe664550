import {
  closeSync,
  constants,
  existsSync,
  opendirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { type RegularFile, readRegular } from '../../util/regular-file.ts'

/** A path; a Buffer if it is not valid UTF-8. */
export type Path = string | Buffer

export interface Status {
  readonly kind: 'file' | 'directory' | 'other'
  readonly mtimeMs: number
  /** Size in bytes. For the `fd` directory of a process, the number of descriptors; 0 before Linux 6.2. */
  readonly size?: number
}

/** File access of a Dir: the disk, or in tests an object with texts. Errors have the errno as `code`. */
export interface FileReader {
  /** Returns a view into a buffer that the next read overwrites. With `limit`: at most this many bytes, in one read(2). */
  read(path: Path, limit?: number): Buffer
  /**
   * Reads a file that another user may have written: only a regular file of at most `maxBytes`. The bytes are a copy.
   * Opening a FIFO or a device does not block.
   */
  readRegular(path: Path, maxBytes: number): RegularFile
  /** Entry names in byte order; a Buffer for a name that is not valid UTF-8. With `limit`: at most this many, any of them. */
  list(path: Path, limit?: number): Path[]
  /** Follows links. Undefined if the path does not exist. */
  status(path: Path): Status | undefined
  link(path: Path): string
  real(path: Path): string
  /** Ends an interval: closes descriptors of files that were not read for some intervals. */
  endCycle(): void
  /** Closes all descriptors. Later reads do not keep descriptors open. */
  close(): void
}

/** Magic numbers of procfs and sysfs (include/uapi/linux/magic.h), where descriptors are kept open. */
const kernelFileSystems = new Set([0x9fa0, 0x62656572])

/** Maximum number of descriptors kept open: well below the usual limit of 1024 per process. */
const keptAtMost = 320

/** Maximum number of cached paths. */
const maxCachedPaths = 2 * keptAtMost

/** Unused paths are dropped after this many intervals, and their descriptors closed. */
const knownFor = 3

/** Maximum size of a kernel file. The largest lists of real hosts have a few megabytes. */
const maxKernelBytes = 32 * 1024 * 1024

/** A read buffer above this size is replaced after the interval: it grew for one large file. */
const maxBufferBytes = 1024 * 1024

/** Errors for a path that does not exist. */
const absent = new Set(['ENOENT', 'ENOTDIR'])

/** Cache entry of a path: an open descriptor, or the error of a missing file, or neither after the first read. */
interface Known {
  readonly fd?: number
  readonly missing?: unknown
  used: number
}

/**
 * Reads files below `root`. On procfs and sysfs, a file stays open from its second read on: reading an open descriptor
 * costs half of opening the file again. If the file is gone, read(2) on the descriptor fails with ENODEV or ESRCH; the file
 * is then reopened once. A file that was missing is checked with stat(2) before open(2), which costs a third of an
 * exception. Reads are synchronous: the kernel answers from memory, and awaited reads cost five times more.
 */
export const diskFiles = (root: string): FileReader => new DiskFiles(root)

class DiskFiles implements FileReader {
  readonly #keeps: boolean
  readonly #cache = new Map<string, Known>()
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

  readRegular(path: Path, maxBytes: number): RegularFile {
    return readRegular(path, maxBytes)
  }

  list(path: Path, limit?: number): Path[] {
    this.#recall(path)
    return this.#rememberIfMissing(path, () => (limit === undefined ? namesIn(path) : firstNamesIn(path, limit)))
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
    if (this.#buffer.length > maxBufferBytes) this.#buffer = Buffer.allocUnsafeSlow(8192)
    const before = this.#interval - knownFor
    this.#cache.forEach(({ used }, path) => {
      if (used < before) this.#forget(path)
    })
  }

  close(): void {
    this.#isClosed = true
    for (const path of [...this.#cache.keys()]) this.#forget(path)
  }

  /** The cache entry of a path. Throws the previous error if the file is still missing. */
  #recall(path: Path): Known | undefined {
    const one = typeof path === 'string' ? this.#cache.get(path) : undefined
    if (one === undefined) return undefined
    one.used = this.#interval
    if (one.missing !== undefined && !existsSync(path)) throw one.missing
    return one
  }

  #remember(path: Path, what: Pick<Known, 'fd' | 'missing'>): void {
    if (typeof path !== 'string' || (this.#cache.size >= maxCachedPaths && !this.#cache.has(path))) return
    this.#cache.set(path, { ...what, used: this.#interval })
    if (what.fd !== undefined) this.#kept++
  }

  #forget(path: string): void {
    const fd = this.#cache.get(path)?.fd
    this.#cache.delete(path)
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

  /** Reads a kept descriptor; undefined if its file is gone. */
  #readKept(path: string, fd: number, limit: number | undefined): Buffer | undefined {
    try {
      return this.#bytes(fd, limit)
    } catch (error) {
      if (!gone.has(codeOf(error))) throw error
      this.#forget(path)
      return undefined
    }
  }

  /** Reads the whole file, or at most `limit` bytes with one read(2). Starts at offset 0. */
  #bytes(fd: number, limit: number | undefined): Buffer {
    if (limit !== undefined)
      return this.#buffer.subarray(0, readSync(fd, this.#buffer, 0, limit, this.#keeps ? 0 : null))
    for (let length = 0; ; ) {
      const got = readSync(fd, this.#buffer, length, this.#buffer.length - length, this.#keeps ? length : null)
      if (got === 0) return this.#buffer.subarray(0, length)
      length += got
      if (length > maxKernelBytes) throw new Error(`EFBIG: larger than ${maxKernelBytes} bytes`)
      if (length === this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer, Buffer.allocUnsafeSlow(length)])
    }
  }
}

/** Errors of a kept descriptor if its file is gone. */
const gone = new Set(['ENODEV', 'ESRCH', 'ENOENT', 'ESTALE', 'ENXIO'])

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function isKernel(root: string): boolean {
  try {
    return kernelFileSystems.has(statfsSync(root).type)
  } catch {
    return false // the first read reports a missing root
  }
}

/** At most `limit` names, in byte order. */
function firstNamesIn(path: Path, limit: number): Path[] {
  const directory = opendirSync(path as string, { encoding: 'buffer' as BufferEncoding, bufferSize: 256 })
  try {
    const names: Buffer[] = []
    while (names.length < limit) {
      const entry = directory.readSync()
      if (entry === null) break
      names.push(Buffer.from(entry.name))
    }
    return inOrder(names)
  } finally {
    directory.closeSync()
  }
}

function namesIn(path: Path): Path[] {
  const names: Path[] = readdirSync(path)
  if (!names.some((name) => (name as string).includes('\uFFFD'))) return names.sort()
  return inOrder(readdirSync(path, { encoding: 'buffer' }))
}

const inOrder = (names: readonly Buffer[]): Path[] =>
  names.toSorted(Buffer.compare).map((name) => (name.equals(Buffer.from(name.toString())) ? name.toString() : name))
