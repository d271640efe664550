import type { Snapshot } from '../metrics/snapshot.ts'
import type { Backlog, Buffer, BufferStats, Cursor, Entry } from './buffer.ts'

/** A sample held in memory is its value; what it belongs to is shared with the snapshots around it. */
const bytesPerSample = 8

/**
 * Snapshots in memory, bounded: the oldest make room, and what an endpoint loses by that is counted. An entry is let go
 * once every cursor is past it.
 */
export class MemoryBuffer implements Buffer {
  readonly stats: BufferStats = { appendedSnapshots: 0, appendedSamples: 0, droppedSamples: 0 }
  readonly #maxBytes: number
  readonly #entries: Entry[] = []
  readonly #cursors = new Map<string, MemoryCursor>()
  #samples = 0
  #next: number

  constructor(maxBytes: number, nextSequence = 1) {
    this.#maxBytes = maxBytes
    this.#next = nextSequence
  }

  append(snapshot: Snapshot): number {
    const entry = { sequence: this.#next++, snapshot }
    this.stats.appendedSnapshots++
    this.stats.appendedSamples += snapshot.values.length
    if (this.#cursors.size === 0) return entry.sequence
    this.#entries.push(entry)
    this.#samples += snapshot.values.length
    while (this.#samples * bytesPerSample > this.#maxBytes && this.#entries.length > 1) this.#dropOldest()
    for (const cursor of this.#cursors.values()) cursor.wake()
    return entry.sequence
  }

  cursor(endpoint: string): Cursor {
    let cursor = this.#cursors.get(endpoint)
    if (cursor === undefined) {
      cursor = new MemoryCursor(this.#entries, this.#next - 1, () => this.#letGo())
      this.#cursors.set(endpoint, cursor)
    }
    return cursor
  }

  async close(): Promise<void> {
    this.#entries.length = 0
  }

  #dropOldest(): void {
    const oldest = this.#entries.shift()
    if (oldest === undefined) return
    const samples = oldest.snapshot.values.length
    this.#samples -= samples
    for (const cursor of this.#cursors.values()) {
      if (cursor.position < oldest.sequence) this.stats.droppedSamples += samples
    }
  }

  /** Frees what every endpoint is past. */
  #letGo(): void {
    const slowest = Math.min(...[...this.#cursors.values()].map((cursor) => cursor.position))
    while (this.#entries[0] !== undefined && this.#entries[0].sequence <= slowest) {
      this.#samples -= this.#entries.shift()?.snapshot.values.length ?? 0
    }
  }
}

class MemoryCursor implements Cursor {
  /** The last sequence number that has had its final answer. */
  position: number
  readonly #entries: readonly Entry[]
  readonly #moved: () => void
  #arrival = Promise.withResolvers<void>()

  constructor(entries: readonly Entry[], position: number, moved: () => void) {
    this.#entries = entries
    this.position = position
    this.#moved = moved
  }

  wake(): void {
    this.#arrival.resolve()
  }

  async read(samples: number, signal: AbortSignal): Promise<readonly Entry[]> {
    for (;;) {
      signal.throwIfAborted()
      const batch = this.#after(samples)
      if (batch.length > 0) return batch
      this.#arrival = Promise.withResolvers()
      const { promise, reject } = this.#arrival
      const abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      try {
        await promise
      } finally {
        signal.removeEventListener('abort', abort)
      }
    }
  }

  move(sequence: number): void {
    if (sequence <= this.position) return
    this.position = sequence
    this.#moved()
  }

  backlog(): Backlog {
    const waiting = this.#entries.slice(this.#firstAfter())
    const samples = waiting.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
    return { snapshots: waiting.length, samples, oldestMs: waiting[0]?.snapshot.timestampMs }
  }

  #after(samples: number): readonly Entry[] {
    const first = this.#firstAfter()
    let last = first
    for (let total = 0; last < this.#entries.length; last++) {
      total += this.#entries[last]?.snapshot.values.length ?? 0
      if (total > samples && last > first) break
    }
    return this.#entries.slice(first, last)
  }

  /** Sequence numbers are without gaps, so the place follows from the number. */
  #firstAfter(): number {
    const [oldest] = this.#entries
    return oldest === undefined ? 0 : Math.max(0, this.position + 1 - oldest.sequence)
  }
}
