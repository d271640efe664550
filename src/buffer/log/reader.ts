import { type Log, messageOf, report } from '../../util/log.ts'
import type { FileSystem } from '../disk/filesystem.ts'
import { isHanging } from '../disk/timeouts.ts'
import type { LogEntry } from '../memory-tail.ts'
import { messages } from '../messages.ts'
import type { Segment, Segments } from '../segment/directory.ts'
import { type Loss, SegmentReader } from '../segment/reader.ts'
import type { SeriesPool } from '../segment/series-pool.ts'
import type { BufferStats } from '../types.ts'
import type { Quarantine } from './quarantine.ts'

/** Attempts to read a segment. */
const maxFailures = 3

export interface ReaderDeps {
  readonly files: FileSystem
  readonly segments: Segments
  readonly corrupt: Quarantine
  readonly stats: BufferStats
  readonly log: Log
  readonly lost: (loss: Loss) => void
}

/** One snapshot, if it is still on disk. `open` returns a reader of the snapshots after a sequence number. */
export async function entryAt(sequence: number, open: (after: number) => LogReader): Promise<LogEntry | undefined> {
  const reader = open(sequence - 1)
  try {
    const entry = await reader.next()
    return entry?.sequence === sequence ? entry : undefined
  } catch {
    return undefined // the reader has counted and logged it
  } finally {
    await reader.close()
  }
}

/** Reads the snapshots on disk after a sequence number. One segment is open at a time. */
export class LogReader {
  readonly #reading: ReaderDeps
  readonly #pool: SeriesPool
  #segment: SegmentReader | undefined
  /** The last sequence number that was read or skipped. */
  #after: number
  #failures = 0

  constructor(after: number, reading: ReaderDeps, pool: SeriesPool) {
    this.#after = after
    this.#reading = reading
    this.#pool = pool
  }

  /** The next snapshot; undefined if the disk has no more yet. Rejects on a disk error: the caller retries. */
  async next(): Promise<LogEntry | undefined> {
    const { segments } = this.#reading
    for (;;) {
      const reader = (this.#segment ??= this.#open(segments.holding(this.#after + 1)))
      if (reader === undefined) return undefined
      const entry = await this.#read(reader)
      const next = segments.after(reader.segment)
      if (entry !== undefined && entry.sequence < (next?.first ?? Infinity)) {
        if (entry.sequence <= this.#after) continue
        this.#after = entry.sequence
        this.#failures = 0
        return entry
      }
      if (next === undefined) return undefined
      this.#after = Math.max(this.#after, next.first - 1)
      await this.close()
      this.#segment = this.#open(next)
    }
  }

  /** Continues after a later sequence number. */
  async skip(to: number): Promise<void> {
    if (to <= this.#after) return
    this.#after = to
    const { segments } = this.#reading
    if (this.#segment !== undefined && segments.holding(to + 1) !== this.#segment.segment) await this.close()
  }

  async close(): Promise<void> {
    const segment = this.#segment
    this.#segment = undefined
    await segment?.close().catch(() => {}) // opened for reading only
  }

  /**
   * Rejects for a segment that cannot be read, so that the caller retries; after `maxFailures` logs and skips the
   * segment.
   */
  async #read(reader: SegmentReader): Promise<LogEntry | undefined> {
    try {
      return await reader.next()
    } catch (error) {
      const { segments, stats, log } = this.#reading
      stats.diskErrors++
      await this.close()
      const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (isHanging(error) || (!isGone && ++this.#failures < maxFailures)) throw error
      this.#failures = 0
      report(log, messages.segmentUnreadable, { segment: reader.segment.path, err: messageOf(error) })
      segments.forget(reader.segment)
      return undefined
    }
  }

  #open(segment: Segment | undefined): SegmentReader | undefined {
    if (segment === undefined) return undefined
    const { files, corrupt, lost } = this.#reading
    this.#pool.startSegment()
    return new SegmentReader(segment, files, {
      intern: this.#pool.intern,
      corrupt: ({ path }, at, bytes) => corrupt.keep(path, at, bytes),
      lost,
    })
  }
}
