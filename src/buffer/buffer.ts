import type { Snapshot } from '../metrics/snapshot.ts'

/** A snapshot and its place in the order of all that was collected. Numbers are never used twice. */
export interface Entry {
  readonly sequence: number
  readonly snapshot: Snapshot
}

/** The log of snapshots between the collectors and the endpoints: one writer, a cursor for each endpoint. */
export interface Buffer {
  /** Takes a snapshot in and gives its sequence number. Never waits. */
  append(snapshot: Snapshot): number
  /** The cursor of an endpoint, by its name; a new one stands at now. */
  cursor(endpoint: string): Cursor
  readonly stats: BufferStats
  close(): Promise<void>
}

export interface Cursor {
  /**
   * What comes after the cursor, oldest first, at most `samples` samples but always one snapshot. Waits until there is
   * something; rejects with the signal's reason when that aborts.
   */
  read(samples: number, signal: AbortSignal): Promise<readonly Entry[]>
  /** Everything up to `sequence` has had its final answer. */
  move(sequence: number): void
  backlog(): Backlog
}

export interface Backlog {
  readonly snapshots: number
  readonly samples: number
  /** Wall clock, milliseconds since the epoch; undefined where nothing waits. */
  readonly oldestMs: number | undefined
}

export interface BufferStats {
  appendedSnapshots: number
  appendedSamples: number
  /** Samples that an endpoint never got because the buffer was full, once for each endpoint. */
  droppedSamples: number
}
