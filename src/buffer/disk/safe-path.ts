import { closeSync, constants, open, readlinkSync } from 'node:fs'
import { lstat, mkdir, readdir, rmdir, stat, unlink } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { foreignOwnerOf } from './owner.ts'

/*
 * Paths below a buffer directory. Another user may own the directory, and can replace a file or a subdirectory by a
 * link at any moment. Therefore hostpush never passes a path with a subdirectory to the kernel. It first opens the
 * subdirectory, which changes nothing. The descriptor shows the real path; if that path contains a link, hostpush
 * refuses it. Then hostpush uses the file name relative to the descriptor: /proc/self/fd/N/name.
 */

/** O_PATH of open(2): opens the path without access to the contents. node:fs has no constant for it. */
const onlyPath = 0o10000000
const openPath = promisify(open)

/** An open directory. The paths of its names stay valid if the directory is renamed or replaced. */
export interface HeldDirectory {
  /** The path of a name in the directory, short enough to bind a socket: unix(7) allows 107 bytes. */
  at(name: string): string
  release(): void
}

/** The error for a name below a buffer directory that is a link, or not a file of the expected type. */
export const refusal = (path: string, problem: string, code: string): Error =>
  Object.assign(new Error(`${code}: ${path} ${problem}, hostpush does not use it`), { code, path })

/** Opens `directory`, which is the buffer directory `root` or below it. Links below `root` are refused. */
export async function hold(root: string, directory: string): Promise<HeldDirectory> {
  const fd = await openVerified(resolve(root), resolve(directory))
  return { at: (name) => `/proc/self/fd/${fd}/${name}`, release: () => closeSync(fd) }
}

/** Runs `work` with a path for `path`. Its last part is not verified: `work` must not follow a link there. */
export async function within<T>(root: string, path: string, work: (safe: string) => Promise<T>): Promise<T> {
  const directory = dirname(path)
  const held = await hold(root, directory)
  try {
    return await work(held.at(basename(path)))
  } catch (error) {
    throw withPath(error, held.at(''), `${directory}/`)
  } finally {
    held.release()
  }
}

/** The names in a directory. */
export async function namesIn(root: string, directory: string): Promise<readonly string[]> {
  const held = await hold(root, directory)
  try {
    return await readdir(held.at(''))
  } finally {
    held.release()
  }
}

/**
 * Creates a directory and its parents, with mode 0700. Node's `recursive` loops forever where the parent exists and
 * mkdir(2) returns ENOENT, as below /proc.
 */
export async function makeDirectory(root: string, path: string): Promise<void> {
  const [top, wanted] = [resolve(root), resolve(path)]
  if (!wanted.startsWith(`${top}/`)) {
    await makePlain(wanted)
    // Root has checked this before, but somebody may have created the directory, or a link, since.
    if ((await foreignOwnerOf(wanted)) !== undefined) throw refusal(wanted, 'belongs to another user', 'EPERM')
    return
  }
  if (await isDirectory(top, wanted)) return
  await makeDirectory(top, dirname(wanted))
  try {
    await within(top, wanted, (safe) => mkdir(safe, 0o700))
  } catch (error) {
    if (await isLink(top, wanted)) throw refusal(wanted, 'is a symbolic link', 'ELOOP')
    if (!(await isDirectory(top, wanted))) throw error
  }
}

/** Deletes a directory with its content. Links in it are deleted, not followed. */
export async function removeDirectory(root: string, path: string): Promise<void> {
  const names = await namesIn(root, path).catch(ifMissing<readonly string[]>([]))
  for (const name of names) {
    const child = `${path}/${name}`
    try {
      await within(root, child, unlink)
    } catch (error) {
      if (codeOf(error) === 'EISDIR') await removeDirectory(root, child)
      else ifMissing<void>(undefined)(error)
    }
  }
  await within(root, path, rmdir).catch(ifMissing<void>(undefined))
}

async function makePlain(path: string): Promise<void> {
  const isThere = async () => (await stat(path).catch(ifMissing(undefined)))?.isDirectory() ?? false
  const parent = dirname(path)
  const above = await stat(parent).catch(ifMissing(undefined))
  if (above === undefined) await makePlain(parent)
  try {
    await mkdir(path, 0o700)
  } catch (error) {
    if (!(await isThere())) throw error
  }
}

async function isDirectory(root: string, path: string): Promise<boolean> {
  try {
    closeSync(await openVerified(root, path))
    return true
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return false
    throw error
  }
}

const isLink = (root: string, path: string): Promise<boolean> =>
  within(root, path, async (safe) => (await lstat(safe)).isSymbolicLink()).catch(() => false) // the caller has an error

/** Real paths of buffer directories. A directory may be moved while the agent runs: then its entry is renewed. */
const realRoots = new Map<string, string>()

async function openVerified(root: string, directory: string): Promise<number> {
  const fd = await openPath(directory, onlyPath | constants.O_DIRECTORY)
  try {
    if (directory === root) return fd // links in the path of the buffer directory itself are allowed: the administrator made them
    if (!directory.startsWith(`${root}/`)) throw refusal(directory, `is outside of ${root}`, 'EXDEV')
    const below = directory.slice(root.length)
    const real = pathOf(fd)
    if (real === `${realRoots.get(root)}${below}`) return fd
    const top = await openPath(root, onlyPath | constants.O_DIRECTORY)
    realRoots.set(root, pathOf(top))
    closeSync(top)
    if (real === `${realRoots.get(root)}${below}`) return fd
    throw refusal(directory, `is a symbolic link or behind one, to ${real}`, 'ELOOP')
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Reads no disk: the kernel knows the path of an open file. */
const pathOf = (fd: number): string => readlinkSync(`/proc/self/fd/${fd}`)

/** An error with the real path instead of the path of a descriptor. */
function withPath(error: unknown, safe: string, path: string): unknown {
  if (error instanceof Error && error.message.includes(safe)) {
    error.message = error.message.replaceAll(safe, path)
    const named = error as NodeJS.ErrnoException
    if (named.path !== undefined) named.path = named.path.replaceAll(safe, path)
  }
  return error
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? ''

const ifMissing =
  <T>(otherwise: T) =>
  (error: unknown): T => {
    if (codeOf(error) === 'ENOENT') return otherwise
    throw error
  }
