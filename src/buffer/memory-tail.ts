import type { Snapshot } from '../metrics/index.ts'
import type { Entry } from './types.ts'

/** A snapshot with its range in the numbering of all samples that were ever appended to the log. */
export interface LogEntry extends Entry {
  readonly samplesBefore: number
  readonly samplesAfter: number
  readonly bootMs: number
  /** The endpoints that send exactly this snapshot next (cursor/in-flight-mark.ts). */
  readonly marks: readonly string[]
}

/** `maxBytes` limits snapshots that are not on disk. `liveBytes` is kept for senders without a backlog. */
export const tailBytes = { maxBytes: 8 * 1024 * 1024, liveBytes: 256 * 1024 } as const

/** A position in the log: the last sequence number and the last sample number before it. */
export interface LogPosition {
  readonly sequence: number
  readonly samples: number
}

/**
 * The newest snapshots, in memory: all that are not durable yet, at most `maxBytes`, and about `liveBytes` of durable
 * ones for senders without a backlog.
 */
export class MemoryTail {
  readonly #maxBytes: number
  readonly #liveBytes: number
  #entries: LogEntry[] = []
  #bytes = 0
  /** The position of the last appended snapshot. */
  last: LogPosition
  /** Snapshots up to these sequence numbers are written to disk (`written`) and durable (`safe`). */
  written: number
  safe: number

  constructor(last: LogPosition, { maxBytes, liveBytes }: { readonly maxBytes: number; readonly liveBytes: number }) {
    this.last = last
    this.written = last.sequence
    this.safe = last.sequence
    this.#maxBytes = maxBytes
    this.#liveBytes = liveBytes
  }

  /** Sequence number of the oldest snapshot in memory. */
  get first(): number {
    return this.#entries[0]?.sequence ?? this.last.sequence + 1
  }

  /** The position before the oldest snapshot in memory. */
  get before(): LogPosition {
    const [oldest] = this.#entries
    return oldest ? { sequence: oldest.sequence - 1, samples: oldest.samplesBefore } : this.last
  }

  get entries(): readonly LogEntry[] {
    return this.#entries
  }

  /** Appends a snapshot. `lost`: snapshots that were evicted from full memory and are not on disk. */
  append(
    snapshot: Snapshot,
    bootMs: number,
    marks: readonly string[] = [],
  ): { readonly entry: LogEntry; readonly lost: readonly LogEntry[] } {
    const samplesBefore = this.last.samples
    const samplesAfter = samplesBefore + snapshot.values.length
    const entry = { sequence: this.last.sequence + 1, samplesBefore, samplesAfter, bootMs, marks, snapshot }
    this.last = { sequence: entry.sequence, samples: samplesAfter }
    this.#entries.push(entry)
    this.#bytes += sizeOf(entry)
    this.#evict()
    const lost: LogEntry[] = []
    while (this.#bytes > this.#maxBytes && this.#entries.length > 1) lost.push(this.#shift())
    const newestLost = lost.at(-1)?.sequence ?? 0
    this.written = Math.max(this.written, newestLost)
    this.safe = Math.max(this.safe, newestLost)
    return { entry, lost }
  }

  /**
   * The snapshots after a sequence number and up to `upTo`, oldest first, at most about `samples`, but at least one.
   */
  after(sequence: number, upTo: number, samples: number): readonly LogEntry[] {
    const from = Math.max(0, sequence + 1 - this.first)
    let to = from
    for (let total = 0; to < this.#entries.length; to++) {
      const entry = this.#entries[to] as LogEntry
      total += entry.snapshot.values.length
      if (entry.sequence > upTo || (total > samples && to > from)) break
    }
    return this.#entries.slice(from, to)
  }

  /** Marks all snapshots in memory as not on disk. */
  doubt(): void {
    this.written = this.safe = this.first - 1
  }

  #evict(): void {
    while (this.#bytes > this.#liveBytes && this.first <= this.safe && this.#entries.length > 1) this.#shift()
  }

  #shift(): LogEntry {
    const oldest = this.#entries.shift() as LogEntry
    this.#bytes -= sizeOf(oldest)
    return oldest
  }
}

const sizeOf = ({ snapshot }: LogEntry) => bytesOf(snapshot)

/** Memory of a snapshot in bytes: values, per-sample timestamps and about 200 bytes of objects. */
export function bytesOf(snapshot: Snapshot): number {
  return 200 + snapshot.values.byteLength + (snapshot.ownTimestampsMs?.byteLength ?? 0)
}

/** The first entries with at most `samples` samples, but at least one entry. */
export function within<One extends Entry>(entries: readonly One[], samples: number): readonly One[] {
  let total = 0
  const end = entries.findIndex(({ snapshot }, i) => (total += snapshot.values.length) > samples && i > 0)
  return entries.slice(0, end < 0 ? undefined : end)
}
