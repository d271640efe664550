import { type Clock, withTimeout } from '../../util/clock.ts'
import { messageOf } from '../../util/log.ts'
import { ChildFiles, type RemoteFiles } from './remote-files.ts'
import type { IsRemote } from './remote-path.ts'
import type { ListedFiles, ListLimits } from './types.ts'

/** The files of a directory or pattern on a remote file system. */
export interface Listing extends ListedFiles {
  /** Why the files are those of an earlier reading, or missing. */
  readonly fault: string | undefined
}

/** Directories from options that may be on a remote file system. */
export interface RemoteDirectories {
  /** The check whether a system call on a path may wait for a server or a daemon. */
  remotePaths(): IsRemote
  /**
   * The files with this suffix of each path: of a directory, a glob or a single file. Starts to read them and waits a short
   * time. What is not read by then is used by the next call.
   */
  read(paths: readonly string[], suffix: string, limits: ListLimits): Promise<ReadonlyMap<string, Listing>>
}

/** Maximum wait in the first call with a path, and in later ones, milliseconds. */
const firstMs = 500
const laterMs = 100

const empty: Listing = { files: [], faults: [], fault: 'not read yet' }

interface Known {
  listing: Listing
  reading: Promise<void> | undefined
}

export class RemoteListings implements RemoteDirectories {
  readonly #clock: Clock
  readonly #files: RemoteFiles
  readonly #known = new Map<string, Known>()

  constructor(clock: Clock, files: RemoteFiles = new ChildFiles({ clock })) {
    this.#clock = clock
    this.#files = files
  }

  remotePaths(): IsRemote {
    return this.#files.remotePaths()
  }

  async read(paths: readonly string[], suffix: string, limits: ListLimits): Promise<ReadonlyMap<string, Listing>> {
    const isFirst = paths.some((path) => !this.#known.has(path))
    const all = paths.map((path) => {
      const known = this.#known.get(path) ?? { listing: empty, reading: undefined }
      this.#known.set(path, known)
      known.reading ??= this.#refresh(known, () => this.#files.list(path, suffix, limits))
      return known
    })
    await withTimeout(this.#clock, isFirst ? firstMs : laterMs, Promise.all(all.map(({ reading }) => reading)))
    for (const path of this.#known.keys()) if (!paths.includes(path)) this.#known.delete(path)
    return new Map(paths.map((path) => [path, this.#known.get(path)?.listing ?? empty]))
  }

  close(): void {
    this.#files.close()
  }

  async #refresh(known: Known, list: () => Promise<ListedFiles>): Promise<void> {
    try {
      known.listing = { ...(await list()), fault: undefined }
    } catch (error) {
      known.listing = { ...known.listing, fault: messageOf(error) }
    }
    known.reading = undefined
  }
}
