import { lstat, readFile, realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A user other than root who controls a buffer directory, and can put links there. Root works there only as this user. */
export interface DirectoryOwner {
  readonly uid: number
  readonly gid: number
}

/**
 * The user who controls a buffer directory; undefined unless this process is root and that user is not. It is the owner of
 * the directory. If root owns it, or it does not exist yet, it is the owner of a parent or link on the way to it, who can
 * replace what is below.
 */
export async function foreignOwnerOf(directory: string): Promise<DirectoryOwner | undefined> {
  if (process.geteuid?.() !== 0) return undefined
  const target = await stat(directory).catch(() => undefined) // it does not exist yet
  const found = target !== undefined && target.uid !== 0 ? target : await ownerOnTheWay(directory)
  return found && { uid: found.uid, gid: await groupOf(found) }
}

/** The first owner other than root of a parent directory or link, seen from `/`. */
async function ownerOnTheWay(directory: string): Promise<DirectoryOwner | undefined> {
  for (const path of [...parentsOf(directory), directory]) {
    const own = await lstat(path).catch(() => undefined) // it does not exist yet, and so do all below
    if (own === undefined) return undefined
    if (own.uid !== 0) return own
    if (!own.isSymbolicLink()) continue
    const real = await realpath(path).catch(() => undefined) // dangling
    const found = real === undefined ? undefined : await ownerOnTheWay(real)
    if (found !== undefined) return found
  }
  return undefined
}

function parentsOf(path: string): readonly string[] {
  const parent = dirname(path)
  return parent === path ? [] : [...parentsOf(parent), parent]
}

/** The primary group of a user. The group of the directory may give more permissions than the user has: it may be root's. */
async function groupOf({ uid, gid }: DirectoryOwner): Promise<number> {
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '') // a minimal container has none
  const own = users.split('\n').find((line) => line.split(':')[2] === String(uid))
  if (own !== undefined) return Number(own.split(':')[3])
  return gid === 0 ? uid : gid
}
