import {
  closeSync,
  constants,
  lstatSync,
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
}

/** What a Dir stands on: a disk, or in tests an object of text. Failures are thrown with their errno `code`. */
export interface Files {
  /** A view into a buffer that the next read overwrites. `limit` bytes at most, in one read(2), if it is given. */
  read(path: Path, limit?: number): Buffer
  /** Entry names in byte order; a Buffer where a name is not UTF-8. */
  list(path: Path): Path[]
  /** Follows links. */
  status(path: Path): Status
  link(path: Path): string
  real(path: Path): string
  /** Ends an interval: what was kept open for files that are gone is let go. */
  settle(): void
}

/** https://docs.kernel.org: magic numbers of the file systems whose files are read again and again. */
const kernelFileSystems = new Set([0x9fa0, 0x62656572])

/** Descriptors kept open at most: well below the usual limit of 1024 of a process. */
const keptAtMost = 320

/** Intervals after which a descriptor that was not used is closed. */
const keptFor = 3

interface Kept {
  readonly fd: number
  used: number
}

/**
 * Reads below `root`. Where that is procfs or sysfs, a file read for the second time stays open: reading a kept
 * descriptor costs half of opening it anew. A descriptor whose file is gone answers ENODEV or ESRCH; it is opened
 * anew once. Reads are synchronous: the kernel answers from memory, and awaited reads cost five times more.
 */
export function diskFiles(root: string): Files {
  let buffer = Buffer.allocUnsafeSlow(8192)
  let interval = 0
  const kept = new Map<string, Kept | undefined>()
  const keeps = isKernel(root)

  const whole = (fd: number): Buffer => {
    for (let length = 0; ; ) {
      const got = readSync(fd, buffer, length, buffer.length - length, keeps ? length : null)
      if (got === 0) return buffer.subarray(0, length)
      length += got
      if (length === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafeSlow(buffer.length)])
    }
  }
  const once = (fd: number, limit: number): Buffer =>
    buffer.subarray(0, readSync(fd, buffer, 0, limit, keeps ? 0 : null))
  const from = (fd: number, limit: number | undefined) => (limit === undefined ? whole(fd) : once(fd, limit))
  const open = (path: Path) => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)

  const drop = (path: string) => {
    const one = kept.get(path)
    kept.delete(path)
    if (one !== undefined) closeSync(one.fd)
  }
  const readKept = (path: string, one: Kept, limit: number | undefined): Buffer | undefined => {
    one.used = interval
    try {
      return from(one.fd, limit)
    } catch (error) {
      if (!gone.has(codeOf(error))) throw error
      drop(path)
      return undefined
    }
  }

  return {
    read(path, limit) {
      const key = keeps && typeof path === 'string' ? path : undefined
      const one = key === undefined ? undefined : kept.get(key)
      if (key !== undefined && one !== undefined) {
        const text = readKept(key, one, limit)
        if (text !== undefined) return text
      }
      const keep = key !== undefined && kept.has(key) && kept.size < keptAtMost
      const fd = open(path)
      try {
        const text = from(fd, limit)
        if (keep) kept.set(key, { fd, used: interval })
        else if (key !== undefined && kept.size < keptAtMost) kept.set(key, undefined)
        return text
      } finally {
        if (key === undefined || kept.get(key)?.fd !== fd) closeSync(fd)
      }
    },
    list: (path) => namesIn(path),
    status(path) {
      const status = statSync(path)
      return { kind: status.isFile() ? 'file' : status.isDirectory() ? 'directory' : 'other', mtimeMs: status.mtimeMs }
    },
    link: (path) => readlinkSync(path),
    real: (path) => realpathSync(path),
    settle() {
      interval++
      for (const [path, one] of kept)
        if (one === undefined ? interval % 64 === 0 : one.used < interval - keptFor) drop(path)
    },
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

/** For tests and doctors: whether a path is a link. */
export const isLink = (path: Path): boolean => lstatSync(path).isSymbolicLink()
