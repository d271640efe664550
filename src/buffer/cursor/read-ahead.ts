import type { LogReader } from '../log/reader.ts'
import type { LogEntry } from '../memory-tail.ts'

/** Entries that one cursor has read from disk and not passed yet. */
export class ReadAhead {
  readonly #open: (after: number) => LogReader
  readonly #entries: LogEntry[] = []
  #reader: LogReader | undefined

  /** `open` returns a reader of the snapshots on disk after a sequence number. */
  constructor(open: (after: number) => LogReader) {
    this.#open = open
  }

  get entries(): readonly LogEntry[] {
    return this.#entries
  }

  /** Reads until it contains `samples` samples, the snapshot `last`, or everything on disk. */
  async fill(after: number, last: number, samples: number): Promise<void> {
    const entries = this.#entries
    let total = entries.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
    this.#reader ??= this.#open(entries.at(-1)?.sequence ?? after)
    await this.#reader.skip(after)
    try {
      while (total < samples && (entries.at(-1)?.sequence ?? 0) < last) {
        const entry = await this.#reader.next()
        if (entry === undefined) break
        entries.push(entry)
        total += entry.snapshot.values.length
      }
    } catch (error) {
      if (entries.length === 0) throw error // else the next read meets the error again
    }
  }

  /** Removes the entries up to a sequence number. */
  pass(sequence: number): void {
    const firstKept = this.#entries.findIndex((one) => one.sequence > sequence)
    this.#entries.splice(0, firstKept < 0 ? this.#entries.length : firstKept)
  }

  /** Closes the reader and removes all entries. */
  async clear(): Promise<void> {
    this.#entries.length = 0
    await this.close()
  }

  async close(): Promise<void> {
    await this.#reader?.close()
    this.#reader = undefined
  }
}
