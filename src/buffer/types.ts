import type { Series, Snapshot } from '../metrics/index.ts'

import type { SamplingRule } from './sampling.ts'

/** A snapshot and its sequence number: it grows with each snapshot, also across restarts, and is never used twice. */
export interface Entry {
  readonly sequence: number
  readonly snapshot: Snapshot
}

/**
 * The log of snapshots between the collectors and the endpoints. It has one writer and one cursor for each endpoint.
 */
export interface Buffer {
  /** Appends a snapshot and returns its sequence number. Does not wait for the disk: the writer runs asynchronously. */
  append(snapshot: Snapshot): number
  /**
   * The cursor of an endpoint, by name. A new cursor starts at the end of the log. It skips snapshots outside of
   * `sampling`.
   */
  cursor(endpoint: string, sampling?: SamplingRule): Cursor
  /**
   * Called when an endpoint is no longer configured. A disk buffer keeps its backlog within `max_age` and `max_bytes`.
   */
  detach(endpoint: string): void
  /**
   * Reports the time of a receiver. After a step of the wall clock, `max_age` deletes nothing until a receiver agrees
   * with it.
   */
  confirmTime(receiverMs: number): void
  readonly stats: BufferStats
  /** Offset of the schedule, a fraction of the interval from 0 to 1. A reload or restart does not change it. */
  readonly offset: number
  /** Timestamp of the newest snapshot, milliseconds since the epoch; undefined if the buffer is empty. */
  readonly newestMs: number | undefined
  /** True if the whole backlog survives the end of the process. */
  readonly isSafe: boolean
  /** Writes and syncs all appended snapshots, as `sync` configures, for a limited time; then closes the files. */
  close(): Promise<void>
}

/** Maximum size of one read. */
export interface Limit {
  readonly samples: number
}

/** The position of an endpoint in the log. */
export interface Cursor {
  /**
   * The snapshots after the cursor, oldest first: at least one, even if it exceeds the limit. Waits until a snapshot is
   * ready to be sent (it is on disk, or the disk has failed). Rejects with the signal's reason when the signal aborts.
   * After a start with a range in flight, the first read returns exactly that range.
   */
  read(limit: Limit, signal: AbortSignal): Promise<readonly Entry[]>
  /**
   * Marks the range of a request as in flight before the request is sent. When the promise resolves, the mark and all
   * earlier commits are durable. If the disk fails, the promise resolves too: delivery continues without the mark. A
   * single snapshot with an empty note usually needs no write: its record carries the mark already.
   */
  markInFlight(inFlight: InFlightRange): Promise<void>
  /** The range that has no final answer yet. After a start: the range that the previous agent was sending. */
  readonly inFlight: InFlightRange | undefined
  /**
   * Snapshots up to this sequence number may have been delivered although no range is in flight, because the cursor
   * file was corrupt or stale. The sender treats them like a range without an answer. Usually 0.
   */
  readonly uncertain: number
  /**
   * Moves the cursor: every snapshot up to `sequence` has its final answer. The change is written but not synced; the
   * next `markInFlight`, or the record of the next snapshot, makes it durable. After a power loss in between, the range
   * is in flight again.
   */
  commit(sequence: number, verdict?: DeliveryVerdict): Promise<void>
  /**
   * The last delivered snapshot, also of a previous agent, if it is not older than `sinceMs` and still in the log.
   * Retention keeps its segment until a later snapshot is delivered.
   */
  lastDelivered(sinceMs: number): Promise<Entry | undefined>
  /**
   * Text that the sender stores for the next agent; empty at first. A memory buffer loses it at the end of the process.
   */
  readonly memo: string
  /** Sets `memo`, at most 1024 bytes. It is durable when the promise resolves. */
  remember(memo: string): Promise<void>
  /**
   * Saves rejected samples with the receiver's message. Space is limited: the oldest dead letters are deleted first.
   */
  saveDeadLetter(deadLetter: DeadLetter): Promise<void>
  /** Counts samples that will not be delivered to this endpoint. */
  drop(reason: DropReason, samples: number): void
  /** The snapshots after the cursor that match the sampling of the endpoint. */
  backlog(): Backlog
}

/** The final answer for the snapshots of a commit. */
export type DeliveryVerdict = 'delivered' | 'rejected'

/** A range of sequence numbers, both ends included. Only the sender uses `note`, at most 1024 bytes. */
export interface InFlightRange {
  readonly first: number
  readonly last: number
  readonly note: string
}

/** Samples that a receiver rejected. */
export interface DeadLetter {
  readonly reason: string
  readonly entries: readonly Entry[]
  /** The rejected series of the entries. Default: all. */
  readonly series?: ReadonlySet<Series>
}

/** Why samples are not delivered. */
export type DropReason =
  /** The buffer reached `max_bytes`. */
  | 'max_bytes'
  /** The samples expired. */
  | 'max_age'
  /** The receiver does not accept samples of this age. */
  | 'too_old'
  | 'rejected'
  /** Corrupt or missing on disk. */
  | 'corrupt'
  /** The wall clock moved backwards: the timestamps would be out of order. */
  | 'clock'
  /** `hostpush buffer drop`. */
  | 'dropped_by_user'
  /** The memory was full while the disk failed. */
  | 'disk_failed'

export interface Backlog {
  readonly snapshots: number
  readonly samples: number
  readonly bytes: number
  /** Timestamp of the oldest snapshot, milliseconds since the epoch; undefined if the backlog is empty. */
  readonly oldestMs: number | undefined
}

export interface BufferStats {
  appendedSnapshots: number
  appendedSamples: number
  /** Current size on disk, or in memory in memory mode. */
  bytes: number
  /** Failed writes, syncs and openings. */
  diskErrors: number
  corruptRecords: number
  /** Number of samples by endpoint and reason. */
  readonly dropped: Map<string, Map<DropReason, number>>
}
