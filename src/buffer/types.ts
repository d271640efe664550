import type { Series, Snapshot } from '../metrics/index.ts'

import type { SamplingRule } from './sampling.ts'

/** A snapshot and its place in the order of all that was collected. Numbers are never used twice. */
export interface Entry {
  readonly sequence: number
  readonly snapshot: Snapshot
}

/** The log of snapshots between the collectors and the endpoints: one writer, a cursor for each endpoint. */
export interface Buffer {
  /** Takes a snapshot in and gives its sequence number. Never waits: the disk follows off the event loop. */
  append(snapshot: Snapshot): number
  /** The cursor of an endpoint, by its name; a new one stands at now. It passes over what the endpoint does not take. */
  cursor(endpoint: string, sampling?: SamplingRule): Cursor
  /** An endpoint is no longer there. What waits for it is kept as far as the buffer keeps anything. */
  detach(endpoint: string): void
  /** A receiver's own time agrees with the wall clock or not: after a step, age deletes nothing until it does. */
  confirmTime(receiverMs: number): void
  readonly stats: BufferStats
  /** Timestamp of the newest snapshot in it, milliseconds since the epoch; undefined where there is none. */
  readonly newestMs: number | undefined
  /** What waits outlives the process. */
  readonly isSafe: boolean
  /** Waits until what was appended is as safe as it was configured to be, for a bounded time; lets go of the files. */
  close(): Promise<void>
}

/** How much one reading may take. */
export interface Limit {
  readonly samples: number
}

/** An endpoint's place in the log. */
export interface Cursor {
  /**
   * What comes after the cursor, oldest first, within the limit but always one snapshot. Waits until there is something
   * that may be sent (on disk, or the disk has failed); rejects with the signal's reason when that aborts. After a
   * start with a range in flight, the first reading gives exactly that range.
   */
  read(limit: Limit, signal: AbortSignal): Promise<readonly Entry[]>
  /**
   * Before a request goes out: the range it takes and how far its answer has been worked out. It is on disk when the
   * promise resolves, and all that was moved before with it; unless the disk fails, which holds nothing up.
   */
  markInFlight(inFlight: InFlightRange): Promise<void>
  /** The range that was begun and has had no final answer: after a start, what the agent before was sending. */
  readonly inFlight: InFlightRange | undefined
  /**
   * Snapshots up to this number may have arrived although no flight says so: the file with the cursors was damaged,
   * and this one stands further back than it did. Sent like a range whose answer never came. 0 is the usual.
   */
  readonly uncertain: number
  /**
   * Everything up to `sequence` has had its final answer. Written, but not synced on its own: the next `begin` does
   * that, so that a send costs one sync. What power takes in between is sent again as the flight that it was.
   */
  commit(sequence: number, verdict?: DeliveryVerdict): Promise<void>
  /**
   * The last snapshot that was delivered, by whichever agent, if it is not older than `sinceMs` and the log still has it:
   * the segment that the cursor stands in stays until the next one has been delivered.
   */
  lastDelivered(sinceMs: number): Promise<Entry | undefined>
  /** What the sender wants the agent after this one to know; empty at first. Of memory it goes with the process. */
  readonly memo: string
  /** At most 1024 bytes. Written with the cursor, and safe with the next `begin`. */
  remember(memo: string): Promise<void>
  /** Keeps refused samples with the receiver's words, bounded; oldest go first. */
  saveDeadLetter(refused: DeadLetter): Promise<void>
  /** Samples of this endpoint that will never be delivered, by reason. */
  drop(reason: DropReason, samples: number): void
  /** What the endpoint will take of all that waits. */
  backlog(): Backlog
}

/** What became of the snapshots up to one; that it was delivered where nothing is said. */
export type DeliveryVerdict = 'delivered' | 'rejected'

/** A range of sequence numbers, both ends with it. `note` is the sender's own, at most 1024 bytes. */
export interface InFlightRange {
  readonly first: number
  readonly last: number
  readonly note: string
}

/** Samples that a receiver would not have. */
export interface DeadLetter {
  readonly reason: string
  readonly entries: readonly Entry[]
  /** Which series of the entries; all where it is missing. */
  readonly series?: ReadonlySet<Series>
}

/**
 * Why samples are not delivered: the buffer was full, too old for it or for the receiver, refused, damaged or missing
 * on disk, no place in time, let go by hand, or no room in memory while the disk failed.
 */
export type DropReason =
  | 'max_bytes'
  | 'max_age'
  | 'too_old'
  | 'rejected'
  | 'corrupt'
  | 'clock'
  | 'dropped_by_user'
  | 'disk_failed'

export interface Backlog {
  readonly snapshots: number
  readonly samples: number
  readonly bytes: number
  /** Wall clock, milliseconds since the epoch; undefined where nothing waits. */
  readonly oldestMs: number | undefined
}

export interface BufferStats {
  appendedSnapshots: number
  appendedSamples: number
  /** Bytes on disk now; in memory where there is no disk. */
  bytes: number
  /** Failed writes, syncs and openings. */
  diskErrors: number
  corruptRecords: number
  /** By endpoint, by reason. */
  readonly dropped: Map<string, Map<DropReason, number>>
}
