import { type Clock, withTimeout } from '../../util/clock.ts'
import type { File, FileSystem } from './filesystem.ts'

/** An operation that takes longer hangs, for example on a network mount without its server or a removed USB disk. */
const timeoutMs = 30_000

/**
 * A file system with a timeout for each operation. An operation that hangs rejects with ETIMEDOUT, and until it
 * finishes all others reject at once. So hanging operations do not use up the few threads of libuv, which DNS lookups
 * need too, and a late write never changes a file between later operations.
 */
export function withTimeouts(files: FileSystem, clock: Clock): FileSystem {
  /** Descriptions of hanging operations, by a promise of their end. */
  const hanging = new Map<Promise<unknown>, string>()

  async function bounded<T>(what: string, ask: () => Promise<T>, late: (answer: T) => void = () => {}): Promise<T> {
    const [other] = hanging.values()
    if (other !== undefined) throw hangError(`${other} has not finished`)
    const work = ask()
    const answer = await withTimeout(clock, timeoutMs, work)
    if (answer !== 'late') return answer
    const over: Promise<unknown> = work.then(late, () => {}).then(() => hanging.delete(over))
    hanging.set(over, what)
    throw hangError(`${what} timed out after ${timeoutMs / 1000} s`)
  }

  const fileWithTimeouts = (file: File, path: string): File => ({
    read: (position, length) => bounded(`reading ${path}`, () => file.read(position, length)),
    write: (bytes, position) => bounded(`writing ${path}`, () => file.write(bytes, position)),
    datasync: () => bounded(`syncing ${path}`, () => file.datasync()),
    truncate: (length) => bounded(`truncating ${path}`, () => file.truncate(length)),
    status: () => bounded(`reading the status of ${path}`, () => file.status()),
    async close() {
      if (hanging.size === 0) return await bounded(`closing ${path}`, () => file.close())
      void Promise.all(hanging.keys()).then(() => file.close()) // in the background, after the hanging operations
    },
  })

  return {
    makeDirectory: (path) => bounded(`creating ${path}`, () => files.makeDirectory(path)),
    list: (path) => bounded(`listing ${path}`, () => files.list(path)),
    async open(path, mode) {
      const file = await bounded(
        `opening ${path}`,
        () => files.open(path, mode),
        (late) => void late.close(),
      )
      return fileWithTimeouts(file, path)
    },
    rename: (from, to) => bounded(`renaming ${from}`, () => files.rename(from, to)),
    remove: (path) => bounded(`removing ${path}`, () => files.remove(path)),
    syncDirectory: (path) => bounded(`syncing ${path}`, () => files.syncDirectory(path)),
    freeBytes: (path) => bounded(`reading the free space of ${path}`, () => files.freeBytes(path)),
  }
}

/** True for a timeout, after which the state of the disk is unknown. */
export const isHanging = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ETIMEDOUT'

const hangError = (what: string) =>
  Object.assign(new Error(`file system not responding: ${what}`), { code: 'ETIMEDOUT' })
