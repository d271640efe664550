import type { Clock } from '../../util/clock.ts'
import { type Log, messageOf, report } from '../../util/log.ts'
import { type FileSystem, opened, sizeOf } from '../disk/filesystem.ts'
import { corruptionMessages as messages } from '../messages.ts'
import type { BufferStats } from '../types.ts'

/** Limits of `corrupt/`. */
const maxFiles = 32
const maxBytes = 16 * 1024 * 1024

interface Deps {
  readonly files: FileSystem
  readonly clock: Clock
  readonly log: Log
  readonly stats: BufferStats
}

/** Names of copies: time, segment, offset. Files with other names are never deleted. */
const copyName = /^\d{15}-\d{16}\.segment-\d+$/

/** Copies corrupt bytes to `corrupt/` for later analysis. The oldest copies are deleted first. */
export class Quarantine {
  readonly #deps: Deps
  readonly #directory: string
  /** Places that are logged and counted: several readers meet the same corrupt bytes. */
  readonly #reported = new Set<string>()

  constructor(directory: string, deps: Deps) {
    this.#directory = directory
    this.#deps = deps
  }

  /** Counts and logs corrupt bytes of a segment, and copies them. */
  async keep(segment: string, at: number, bytes: Buffer): Promise<void> {
    const name = segment.slice(segment.lastIndexOf('/') + 1)
    if (!this.#report(name, at, bytes.length)) return
    try {
      const { files } = this.#deps
      await files.makeDirectory(this.#directory)
      const path = `${this.#directory}/${this.#name(name, at)}`
      await opened(files, path, 'create', (file) => file.write(bytes.subarray(0, maxBytes / 4), 0))
      await this.#bound()
    } catch (error) {
      report(this.#deps.log, messages.copyFailed, { err: messageOf(error) })
    }
  }

  /** Counts and logs a corrupt file, and moves it. */
  async keepFile(path: string, size: number): Promise<void> {
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (!this.#report(name, 0, size)) return
    try {
      await this.#deps.files.makeDirectory(this.#directory)
      await this.#deps.files.rename(path, `${this.#directory}/${this.#name(name, 0)}`)
      await this.#bound()
    } catch (error) {
      report(this.#deps.log, messages.moveFailed, { err: messageOf(error) })
    }
  }

  /** Number of copies. */
  async count(): Promise<number> {
    return (await this.#copies()).length
  }

  #report(name: string, at: number, bytes: number): boolean {
    const place = `${name}:${at}`
    if (this.#reported.has(place)) return false
    this.#reported.add(place)
    this.#deps.stats.corruptRecords++
    report(this.#deps.log, messages.corrupt, { segment: name, at, bytes })
    return true
  }

  /** Names start with the time, so they sort by it. */
  #name(segment: string, at: number): string {
    return `${String(Math.floor(this.#deps.clock.now())).padStart(15, '0')}-${segment}-${at}`
  }

  /** Names of the copies, newest first. */
  async #copies(): Promise<readonly string[]> {
    const names = await this.#deps.files.list(this.#directory)
    return names
      .filter((name) => copyName.test(name))
      .sort()
      .reverse()
  }

  async #bound(): Promise<void> {
    const { files } = this.#deps
    let bytes = 0
    for (const [i, name] of (await this.#copies()).entries()) {
      const path = `${this.#directory}/${name}`
      bytes += await sizeOf(files, path).catch(() => 0) // deleted by another process, or not a regular file
      if (i >= maxFiles || bytes > maxBytes) await files.remove(path)
    }
  }
}
