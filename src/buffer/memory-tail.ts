import type { Snapshot } from '../metrics/index.ts'
import type { Entry } from './types.ts'

/** A snapshot, and its place in the numbering of all samples that were ever appended. */
export interface LogEntry extends Entry {
  readonly samplesBefore: number
  readonly samplesAfter: number
  readonly bootMs: number
}

/** Snapshots that the disk does not take, and those of a live sender. */
export const tailBytes = { maxBytes: 8 * 1024 * 1024, liveBytes: 256 * 1024 } as const

/** A place in the log: what has the numbers up to these is behind it. */
export interface LogPosition {
  readonly sequence: number
  readonly samples: number
}

/**
 * The newest snapshots, in memory: those that are not safe on disk yet, and some that are, for the senders. Of the
 * first there are at most `mostBytes`, of the others about `liveBytes`.
 */
export class MemoryTail {
  readonly #maxBytes: number
  readonly #liveBytes: number
  #entries: LogEntry[] = []
  #bytes = 0
  /** The place of the last snapshot that was appended. */
  last: LogPosition
  /** Sequence numbers up to which snapshots are written, and safe. */
  written: number
  safe: number

  constructor(last: LogPosition, { maxBytes, liveBytes }: { readonly maxBytes: number; readonly liveBytes: number }) {
    this.last = last
    this.written = last.sequence
    this.safe = last.sequence
    this.#maxBytes = maxBytes
    this.#liveBytes = liveBytes
  }

  /** The oldest that is still here. */
  get first(): number {
    return this.#entries[0]?.sequence ?? this.last.sequence + 1
  }

  /** The place before the oldest that is still here. */
  get before(): LogPosition {
    const [oldest] = this.#entries
    return oldest ? { sequence: oldest.sequence - 1, samples: oldest.samplesBefore } : this.last
  }

  get entries(): readonly LogEntry[] {
    return this.#entries
  }

  /** Takes a snapshot in and gives those that were let go for it and are nowhere else. */
  append(snapshot: Snapshot, bootMs: number): { readonly entry: LogEntry; readonly lost: readonly LogEntry[] } {
    const samplesBefore = this.last.samples
    const samplesAfter = samplesBefore + snapshot.values.length
    const entry = { sequence: this.last.sequence + 1, samplesBefore, samplesAfter, bootMs, snapshot }
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

  /** What comes after a sequence number, oldest first, at most about so many samples, but always one. */
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

  /** Forgets that anything here is on disk. */
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

/** The values, timestamps of their own, and what a snapshot takes beside them. */
export function bytesOf(snapshot: Snapshot): number {
  return 200 + snapshot.values.byteLength + (snapshot.ownTimestampsMs?.byteLength ?? 0)
}

/** The first of these, as many samples as wanted, but always one. */
export function within<One extends Entry>(entries: readonly One[], samples: number): readonly One[] {
  let total = 0
  const end = entries.findIndex(({ snapshot }, i) => (total += snapshot.values.length) > samples && i > 0)
  return entries.slice(0, end < 0 ? undefined : end)
}
