import type { Snapshot } from '../metrics/index.ts'
import { Notifier } from './cursor/notifier.ts'
import { within } from './memory-tail.ts'
import { countDropped, createStats } from './metrics.ts'
import { includes, type SamplingRule } from './sampling.ts'
import type { Backlog, Buffer, Cursor, DeliveryVerdict, DropReason, Entry, InFlightRange, Limit } from './types.ts'

/** A sample in memory costs its value only: snapshots share the list of series. */
const bytesPerSample = 8

/**
 * Buffer in memory with a size limit. When it is full, the oldest snapshots are dropped and counted for each endpoint
 * that has not passed them. An entry is freed when every cursor has passed it.
 */
export class MemoryBuffer implements Buffer {
  readonly stats = createStats()
  readonly isSafe = false
  readonly offset: number
  readonly #maxBytes: number
  readonly #entries: Entry[] = []
  readonly #cursors = new Map<string, MemoryCursor>()
  #next: number

  constructor(maxBytes: number, { nextSequence = 1, offset = 0 } = {}) {
    this.#maxBytes = maxBytes
    this.offset = offset
    this.#next = nextSequence
  }

  append(snapshot: Snapshot): number {
    const entry = { sequence: this.#next++, snapshot }
    this.stats.appendedSnapshots++
    this.stats.appendedSamples += snapshot.values.length
    if (this.#cursors.size === 0) return entry.sequence
    this.#entries.push(entry)
    this.stats.bytes += sizeOf(entry)
    while (this.stats.bytes > this.#maxBytes && this.#entries.length > 1) this.#dropOldest()
    for (const cursor of this.#cursors.values()) cursor.wake()
    return entry.sequence
  }

  cursor(endpoint: string, sampling?: SamplingRule): Cursor {
    let cursor = this.#cursors.get(endpoint)
    if (cursor === undefined) {
      cursor = new MemoryCursor(this.#entries, this.#next - 1, {
        moved: () => this.#expire(),
        dropped: (reason, samples) => countDropped(this.stats, endpoint, reason, samples),
      })
      this.#cursors.set(endpoint, cursor)
    }
    cursor.sampling = sampling
    return cursor
  }

  /** Drops the backlog of the endpoint: nothing else would free it. */
  detach(endpoint: string): void {
    this.#cursors.delete(endpoint)
    this.#expire()
  }

  /** Ignored: memory mode has no `max_age`. */
  confirmTime(): void {}

  get newestMs(): number | undefined {
    return this.#entries.at(-1)?.snapshot.timestampMs
  }

  async close(): Promise<void> {
    this.#entries.length = 0
    this.stats.bytes = 0
  }

  #dropOldest(): void {
    const oldest = this.#entries.shift()
    if (oldest === undefined) return
    this.stats.bytes -= sizeOf(oldest)
    for (const [endpoint, { position, sampling }] of this.#cursors) {
      if (position < oldest.sequence && includes(sampling, oldest.snapshot))
        countDropped(this.stats, endpoint, 'max_bytes', oldest.snapshot.values.length)
    }
  }

  /** Frees the entries that every endpoint has passed. */
  #expire(): void {
    const slowest = Math.min(...[...this.#cursors.values()].map((cursor) => cursor.position))
    for (let [oldest] = this.#entries; oldest !== undefined && oldest.sequence <= slowest; [oldest] = this.#entries) {
      this.#entries.shift()
      this.stats.bytes -= sizeOf(oldest)
    }
  }
}

const sizeOf = ({ snapshot }: Entry) => snapshot.values.length * bytesPerSample

interface CursorOwner {
  readonly moved: () => void
  readonly dropped: (reason: DropReason, samples: number) => void
}

class MemoryCursor implements Cursor {
  /** The last sequence number with a final answer. */
  position: number
  inFlight: InFlightRange | undefined
  memo = ''
  readonly uncertain = 0
  sampling: SamplingRule | undefined
  #last: Entry | undefined
  readonly #entries: readonly Entry[]
  readonly #owner: CursorOwner
  readonly #notifier = new Notifier()

  constructor(entries: readonly Entry[], position: number, owner: CursorOwner) {
    this.#entries = entries
    this.position = position
    this.#owner = owner
  }

  wake(): void {
    this.#notifier.notify()
  }

  async read({ samples }: Limit, signal: AbortSignal): Promise<readonly Entry[]> {
    for (;;) {
      signal.throwIfAborted()
      const batch = within(this.#backlogEntries(), samples)
      if (batch.length > 0) return batch
      this.#notifier.reset()
      void this.commit(this.#entries.at(-1)?.sequence ?? 0, 'rejected') // the sampling includes none of these
      await this.#notifier.wait(signal)
    }
  }

  async markInFlight(inFlight: InFlightRange): Promise<void> {
    this.inFlight = inFlight
  }

  async commit(sequence: number, verdict: DeliveryVerdict = 'delivered'): Promise<void> {
    this.inFlight = undefined
    if (sequence <= this.position) return
    if (verdict === 'delivered') this.#last = this.#entries.find((one) => one.sequence === sequence)
    this.position = sequence
    this.#owner.moved()
  }

  /** The last snapshot that this process delivered, for a sender that is restarted. */
  async lastDelivered(sinceMs: number): Promise<Entry | undefined> {
    return this.#last !== undefined && this.#last.snapshot.timestampMs >= sinceMs ? this.#last : undefined
  }

  async remember(memo: string): Promise<void> {
    this.memo = memo
  }

  /** Ignored: dead letters need a disk. */
  async saveDeadLetter(): Promise<void> {}

  drop(reason: DropReason, samples: number): void {
    this.#owner.dropped(reason, samples)
  }

  backlog(): Backlog {
    const entries = this.#backlogEntries()
    const samples = entries.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
    const oldestMs = entries[0]?.snapshot.timestampMs
    return { snapshots: entries.length, samples, bytes: samples * bytesPerSample, oldestMs }
  }

  /** The entries after the cursor that the sampling includes. */
  #backlogEntries(): readonly Entry[] {
    const entries = this.#entries.slice(this.#firstAfter())
    return this.sampling === undefined ? entries : entries.filter(({ snapshot }) => includes(this.sampling, snapshot))
  }

  /** Sequence numbers have no gaps, so the index follows from the number. */
  #firstAfter(): number {
    const [oldest] = this.#entries
    return oldest === undefined ? 0 : Math.max(0, this.position + 1 - oldest.sequence)
  }
}
