import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, stat, statfs, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { chownOpenFile, chownToOwner, type Ownership } from './chown.ts'

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
  create: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
  update: constants.O_RDWR | constants.O_CREAT,
  claim: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const

/** The disk. Files that it creates belong to `ownership`, if set. */
export const diskAs = (ownership: Ownership | undefined): FileSystem => ({
  makeDirectory: (path) => makeDirectory(path, ownership),
  list: (path) => ifExists(readdir(path), []),
  async open(path, mode) {
    return fileOf(
      ownership === undefined ? await open(path, flags[mode], 0o600) : await openedFor(ownership, path, mode),
    )
  },
  rename,
  remove: (path) => ifExists(unlink(path), undefined),
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

export const disk: FileSystem = diskAs(undefined)

/** Opens a file and gives it to the owner if it was created. An existing file keeps its owner. */
async function openedFor(ownership: Ownership, path: string, mode: Mode): Promise<FileHandle> {
  if (mode === 'read') return open(path, flags.read)
  try {
    const made = await open(path, flags.claim, 0o600)
    await chownOpenFile(made, ownership)
    return made
  } catch (error) {
    if (mode === 'claim' || (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return open(path, flags[mode])
  }
}

/**
 * Creates the directory and its parents, with mode 0700. Node's `recursive` loops forever where the parent exists and
 * mkdir(2) returns ENOENT, as below /proc.
 */
export async function makeDirectory(path: string, ownership?: Ownership): Promise<void> {
  const parent = dirname(path)
  if (!(await isDirectory(parent))) await makeDirectory(parent, ownership)
  try {
    await mkdir(path, 0o700)
    await chownToOwner(path, ownership)
  } catch (error) {
    if (!(await isDirectory(path))) throw error
  }
}

const isDirectory = async (path: string): Promise<boolean> =>
  (await ifExists(stat(path), undefined))?.isDirectory() ?? false

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
