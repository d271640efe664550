import { constants } from 'node:fs'
import { type FileHandle, open, rename, statfs, unlink } from 'node:fs/promises'
import { makeDirectory, namesIn, refusal, within } from './safe-path.ts'

/**
 * `read` requires the file, `create` truncates it, `update` keeps its content, `claim` fails with EEXIST if it exists.
 */
export type Mode = 'read' | 'create' | 'update' | 'claim'

/** All operations of the buffer on a file system. Tests implement it with a simulated disk. */
export interface FileSystem {
  /** Creates the directory and its parents, with mode 0700. */
  makeDirectory(path: string): Promise<void>
  /** The names in a directory; empty if it does not exist. */
  list(path: string): Promise<readonly string[]>
  open(path: string, mode: Mode): Promise<File>
  rename(from: string, to: string): Promise<void>
  /** Succeeds if the file does not exist. */
  remove(path: string): Promise<void>
  /** fsync(2) of a directory: makes its names durable. */
  syncDirectory(path: string): Promise<void>
  /** Free bytes for this user on the file system. */
  freeBytes(path: string): Promise<number>
}

export interface File {
  /** At most `length` bytes; fewer at the end of the file. */
  read(position: number, length: number): Promise<Buffer>
  /** Writes all bytes or rejects. */
  write(bytes: Buffer, position: number): Promise<void>
  datasync(): Promise<void>
  truncate(length: number): Promise<void>
  /** `isLinked` is false after the file was deleted: what is written to it then is lost. */
  status(): Promise<{ readonly size: number; readonly isLinked: boolean }>
  close(): Promise<void>
}

/**
 * Opens a file, runs `work` and always closes it. Node ends the process if the garbage collector meets an open
 * FileHandle.
 */
export async function opened<T>(
  files: FileSystem,
  path: string,
  mode: Mode,
  work: (file: File) => Promise<T>,
): Promise<T> {
  const file = await files.open(path, mode)
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}

/** The size of a file, in bytes. */
export const sizeOf = (files: FileSystem, path: string): Promise<number> =>
  opened(files, path, 'read', async (file) => (await file.status()).size)

/** Makes the names in a directory, and its own name in two levels of parents, durable. */
export async function syncNames(files: FileSystem, directory: string): Promise<void> {
  for (const path of [directory, `${directory}/..`, `${directory}/../..`]) await files.syncDirectory(path)
}

/** A file system that changes nothing: missing files are not created, corrupt ones are not repaired. */
export const readOnly = (files: FileSystem): FileSystem => ({
  makeDirectory: async () => {},
  list: (path) => files.list(path),
  open: async (path, mode) => (mode === 'read' ? await files.open(path, mode) : openError(path)),
  rename: async (from) => openError(from),
  remove: async () => {},
  syncDirectory: async () => {},
  freeBytes: (path) => files.freeBytes(path),
})

function openError(path: string): never {
  throw Object.assign(new Error(`EROFS: ${path} is opened read-only`), { code: 'EROFS' })
}

const flags = {
  read: constants.O_RDONLY,
  create: constants.O_RDWR | constants.O_CREAT,
  update: constants.O_RDWR | constants.O_CREAT,
  claim: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const

/**
 * The disk, below the buffer directory `root`. Links below it are not followed, and only regular files without a second
 * hard link are opened.
 */
export const diskIn = (root: string): FileSystem => ({
  makeDirectory: (path) => makeDirectory(root, path),
  list: (path) => ifExists(namesIn(root, path), []),
  open: (path, mode) => within(root, path, async (safe) => fileOf(await openRegular(safe, path, mode))),
  rename: (from, to) => within(root, from, (safeFrom) => within(root, to, (safeTo) => rename(safeFrom, safeTo))),
  remove: (path) => ifExists(within(root, path, unlink), undefined),
  async syncDirectory(path) {
    const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  },
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  },
})

/** Opens `safe` without waiting for the other end of a FIFO. An existing file is truncated only after it was checked. */
async function openRegular(safe: string, path: string, mode: Mode): Promise<FileHandle> {
  const handle = await open(safe, flags[mode] | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600).catch((error) => {
    throw error.code === 'ELOOP' ? refusal(path, 'is a symbolic link', 'ELOOP') : error
  })
  try {
    const status = await handle.stat()
    if (!status.isFile()) throw refusal(path, 'is not a regular file', 'EINVAL')
    if (status.nlink > 1) throw refusal(path, 'has a second hard link', 'EMLINK')
    if (mode === 'create' && status.size > 0) await handle.truncate(0)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

function fileOf(handle: FileHandle): File {
  return {
    async read(position, length) {
      const bytes = Buffer.allocUnsafeSlow(length)
      let done = 0
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, position + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return bytes.subarray(0, done)
    },
    async write(bytes, position) {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
        if (bytesWritten === 0) throw new Error('write returned 0 bytes')
        done += bytesWritten
      }
    },
    datasync: () => handle.datasync(),
    truncate: (length) => handle.truncate(length),
    async status() {
      const { size, nlink } = await handle.stat()
      return { size, isLinked: nlink > 0 }
    },
    close: () => handle.close(),
  }
}

/** The file or socket belongs to another user, and permissions deny access. */
export const isForbidden = (error: unknown): boolean =>
  ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')

async function ifExists<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise
    throw error
  }
}
