import { constants } from 'node:fs'
import { chown, type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises'

/**
 * Owner of a buffer directory in which root works. Files that root creates there are given to this user, who could not
 * read root's.
 */
export interface Ownership {
  readonly uid: number
  readonly gid: number
  /** The real path of the buffer directory. Files outside of it are never chowned. */
  readonly directory: string
}

/** Undefined unless the process is root and the directory belongs to another user. */
export async function ownershipOf(directory: string): Promise<Ownership | undefined> {
  if (process.geteuid?.() !== 0) return undefined
  const status = await stat(directory).catch(() => undefined) // does not exist yet: its creator becomes the owner
  if (status === undefined || status.uid === 0) return undefined
  const real = await realpath(directory).catch(() => undefined) // removed since the stat
  return real === undefined ? undefined : { uid: status.uid, gid: status.gid, directory: real }
}

/** O_PATH of open(2), which also opens a socket's name. node:fs has no constant for it. */
const onlyPath = 0o10000000

/** Gives a path that root has just created to the owner of the buffer. */
export async function chownToOwner(path: string, ownership: Ownership | undefined): Promise<void> {
  if (ownership === undefined) return
  const file = await open(path, onlyPath | constants.O_NOFOLLOW)
  try {
    await chownOpenFile(file, ownership)
  } finally {
    await file.close()
  }
}

/**
 * Gives an open file to the owner of the buffer. The owner may have replaced the path by a link or another file, so
 * this changes only the open file, and only if root owns it, it is inside of the buffer and it has no second hard link.
 */
export async function chownOpenFile(file: FileHandle, { uid, gid, directory }: Ownership): Promise<void> {
  const path = `/proc/self/fd/${file.fd}`
  const status = await file.stat()
  if (status.uid !== 0 || status.isSymbolicLink() || (!status.isDirectory() && status.nlink !== 1)) return
  if (!(await readlink(path)).startsWith(`${directory}/`)) return
  await chown(path, uid, gid).catch(() => {}) // root without CAP_CHOWN: the agent reports files that it cannot read
}
