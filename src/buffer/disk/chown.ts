import { constants } from 'node:fs'
import { chown, type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises'

/** Whose a buffer is in which root works: what root makes there is to be that user's, who could not use root's. */
export interface Ownership {
  readonly uid: number
  readonly gid: number
  /** The buffer, without symbolic links: nothing outside of it is given away. */
  readonly directory: string
}

/** Undefined where nothing is to be given away: only root can, and only where the directory is another user's. */
export async function ownershipOf(directory: string): Promise<Ownership | undefined> {
  if (process.geteuid?.() !== 0) return undefined
  const status = await stat(directory).catch(() => undefined) // not there yet: whoever makes it has it
  if (status === undefined || status.uid === 0) return undefined
  const real = await realpath(directory).catch(() => undefined) // removed meanwhile
  return real === undefined ? undefined : { uid: status.uid, gid: status.gid, directory: real }
}

/** open(2): a name in the file system, which may be a socket's; node:fs has no word for it. */
const onlyPath = 0o10000000

/** Gives away what has just been made there. */
export async function chownToOwner(path: string, ownership: Ownership | undefined): Promise<void> {
  if (ownership === undefined) return
  const made = await open(path, onlyPath | constants.O_NOFOLLOW)
  try {
    await chownOpenFile(made, ownership)
  } finally {
    await made.close()
  }
}

/**
 * Whoever owns the directory may have put a link or another file in the place of what was made: what is given is what is
 * open here, if it is root's, lies in the buffer and has no other name.
 */
export async function chownOpenFile(made: FileHandle, { uid, gid, directory }: Ownership): Promise<void> {
  const path = `/proc/self/fd/${made.fd}`
  const status = await made.stat()
  if (status.uid !== 0 || status.isSymbolicLink() || (!status.isDirectory() && status.nlink !== 1)) return
  if (!(await readlink(path)).startsWith(`${directory}/`)) return
  await chown(path, uid, gid).catch(() => {}) // root without CAP_CHOWN: the agent says what it may not read
}
