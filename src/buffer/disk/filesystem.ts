import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, stat, statfs, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { chownOpenFile, chownToOwner, type Ownership } from './chown.ts'

/** `read` needs the file, `create` empties one that is there, `update` keeps it, `claim` fails with EEXIST. */
export type Mode = 'read' | 'create' | 'update' | 'claim'

/** What the buffer asks of a file system: all there is between it and the disk, so that a test can be the disk. */
export interface FileSystem {
  /** With those above it; only the owner may look inside. */
  makeDirectory(path: string): Promise<void>
  /** The names in it; none where it is missing. */
  list(path: string): Promise<readonly string[]>
  open(path: string, mode: Mode): Promise<File>
  rename(from: string, to: string): Promise<void>
  /** A file that is missing already is no fault. */
  remove(path: string): Promise<void>
  /** Makes safe which names a directory has. */
  syncDirectory(path: string): Promise<void>
  /** Bytes that this process may still write there. */
  freeBytes(path: string): Promise<number>
}

export interface File {
  /** As many bytes as there are, at most `length`. */
  read(position: number, length: number): Promise<Buffer>
  /** All of them, or it rejects. */
  write(bytes: Buffer, position: number): Promise<void>
  datasync(): Promise<void>
  truncate(length: number): Promise<void>
  /** `isLinked` is false once no name leads to the file any more: what is written to it then is lost. */
  status(): Promise<{ readonly size: number; readonly isLinked: boolean }>
  close(): Promise<void>
}

/**
 * Opens a file for one piece of work and closes it whatever comes of it: Node ends the process of whoever leaves one
 * open to be swept up.
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

/** Makes safe that a directory is in the two above it, and what is in it. */
export async function syncNames(files: FileSystem, directory: string): Promise<void> {
  for (const path of [directory, `${directory}/..`, `${directory}/../..`]) await files.syncDirectory(path)
}

/** For whoever looks and is to leave no trace: what is missing is not made, and nothing is mended. */
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

/** What is made on it is the heir's, where there is one. */
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

/** What is there already has its owner. */
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
 * With those above it; only the owner may look inside. Node's own `recursive` goes round for ever where a parent is
 * there and the kernel says ENOENT, as below /proc.
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

/** Another user's, who does not let this one ask or read. */
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
