import type { LogReader } from '../log/reader.ts'
import type { LogEntry } from '../memory-tail.ts'

/** What one cursor has read from disk and is not past yet. */
export class ReadAhead {
  readonly #open: (after: number) => LogReader
  readonly #entries: LogEntry[] = []
  #reader: LogReader | undefined

  /** `open` gives a reader on all that is on disk behind a number. */
  constructor(open: (after: number) => LogReader) {
    this.#open = open
  }

  get entries(): readonly LogEntry[] {
    return this.#entries
  }

  /** Reads on until it holds so many samples, or the snapshot `last`, or all there is. */
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
      if (entries.length === 0) throw error // else it meets the fault again, next time
    }
  }

  /** Forgets what is not behind a number. */
  pass(sequence: number): void {
    const kept = this.#entries.findIndex((one) => one.sequence > sequence)
    this.#entries.splice(0, kept < 0 ? this.#entries.length : kept)
  }

  /** Lets go of the disk, and of what was read. */
  async clear(): Promise<void> {
    this.#entries.length = 0
    await this.close()
  }

  async close(): Promise<void> {
    await this.#reader?.close()
    this.#reader = undefined
  }
}
