import { type FileSystem, opened, sizeOf } from '../disk/filesystem.ts'
import type { Segment } from '../segment/directory.ts'
import { headerBytes, isUnsupported, keptFirstOf, keptName, readHeader } from '../segment/format.ts'

/** How much delivered data stays on disk. */
export interface KeepOptions {
  readonly maxAgeMs: number
  /** 0 keeps nothing. */
  readonly maxBytes: number
}

interface Deps {
  readonly files: FileSystem
  /** The directory of the log. */
  readonly directory: string
  readonly options: KeepOptions
}

type Kept = Pick<Segment, 'path' | 'first' | 'createdMs' | 'bytes'>

/**
 * Delivered segments, kept as history: `SEQUENCE.kept` beside the segments of the backlog. Recovery, cursors, backlog
 * figures and `max_bytes` ignore them. They are deleted first when space is short.
 */
export class KeptSegments {
  readonly #deps: Deps
  /** Oldest first; undefined until they are first needed. */
  #list: readonly Kept[] | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Renames a segment that every endpoint has passed. Deletes it if nothing is kept. */
  async add({ path, first, createdMs, bytes }: Segment): Promise<void> {
    const { files, directory, options } = this.#deps
    if (options.maxBytes === 0) return await files.remove(path)
    const list = await this.all()
    const kept = { path: `${directory}/${keptName(first)}`, first, createdMs, bytes }
    await files.rename(path, kept.path)
    this.#list = [...list.filter((one) => one.first !== first), kept]
    await files.syncDirectory(directory)
  }

  /** Deletes the oldest beyond `max_bytes`, and those created before `max_age`. `nowMs` is undefined while the wall clock is untrusted. */
  async trim(nowMs: number | undefined): Promise<void> {
    const { maxAgeMs, maxBytes } = this.#deps.options
    const list = await this.all()
    const beforeMs = (nowMs ?? Number.NEGATIVE_INFINITY) - maxAgeMs
    let bytes = 0
    const kept = list.toReversed().filter((one) => (bytes += one.bytes) <= maxBytes && one.createdMs >= beforeMs)
    await this.#delete(list.filter((one) => !kept.includes(one)))
  }

  /** Deletes all. Resolves to the number of bytes that this frees. */
  async clear(): Promise<number> {
    const list = await this.all()
    await this.#delete(list)
    return list.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async all(): Promise<readonly Kept[]> {
    this.#list ??= await this.#load()
    return this.#list
  }

  async #delete(gone: readonly Kept[]): Promise<void> {
    for (const one of gone) {
      await this.#deps.files.remove(one.path)
      this.#list = this.#list?.filter((other) => other !== one)
    }
  }

  async #load(): Promise<readonly Kept[]> {
    const { files, directory } = this.#deps
    const found: Kept[] = []
    for (const name of await files.list(directory)) {
      const first = keptFirstOf(name)
      if (first === undefined) continue
      const path = `${directory}/${name}`
      const header = await opened(files, path, 'read', async (file) => readHeader(await file.read(0, headerBytes)))
      const createdMs = header === 'corrupt' || isUnsupported(header) ? 0 : header.createdMs
      found.push({ path, first, createdMs, bytes: await sizeOf(files, path) })
    }
    return found.sort((left, right) => left.first - right.first)
  }
}
