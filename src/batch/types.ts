import type { BufferDeps, BufferOptions, DropReason, Sync } from '../buffer/index.ts'

import type { Snapshot } from '../metrics/index.ts'
import type { ConfiguredOutput, SendDeps } from '../output.ts'
import type { DeliveryResult } from './result.ts'

/** The buffer and the outputs of a batch command. */
export interface BatchOptions {
  readonly buffer: BufferOptions
  readonly outputs: readonly ConfiguredOutput[]
}

/** Dependencies for sending from a log. */
export interface SpoolDeps extends SendDeps, BufferDeps {
  /** How far this host's clock is ahead of a receiver's, in milliseconds; undefined before the first response. */
  readonly skewMs?: () => number | undefined
  /** Logs of another format version, which are already reported. Without it each is reported each time. */
  readonly refused?: Set<string>
}

/** Result of delivering the spool to one output. */
export interface Delivered {
  readonly snapshots: number
  /** Why samples are undelivered; undefined if none is. */
  readonly problem: string | undefined
}

/** Samples that will never be delivered, by the name of the output in the log. */
export interface Dropped {
  readonly name: string
  readonly reason: DropReason
  readonly samples: number
}

/**
 * The life of a batch command's samples: `once`, `push`, `exec`.
 *
 *     const run = await openBatchRun(options, deps, { sync })   opens its log, in memory if the directory is not usable
 *     run.begin()                                               only if it appends before the end: delivers the spool, then this log
 *     run.append(snapshot)
 *     const results = await run.finish(last, deadline)          `last()`, the spool, this log, output by output; closes everything
 *
 * Samples that an output has not accepted by the deadline stay in the log, for the agent or the next batch command (spool.ts).
 */
export interface RunOptions {
  /** Durability while the command runs: with `end` the log is synced only at the end of the command. */
  readonly sync: Sync
  /** Whether another run of this process has already logged problems of the directory. */
  readonly isSecond?: boolean
  /** Whether the run contains host series. If the command is killed, the process that delivers the log ends them with stale markers. */
  readonly endsSeries?: boolean
}

export interface BatchRun {
  /** Starts to deliver: to each output first the spool, then this log. Returns at once. */
  begin(): void
  /** Appends a snapshot. An output that delivers only the newest snapshot may skip it if a newer one follows. */
  append(snapshot: Snapshot): void
  /** Delivers the spool until the deadline, before the command collects. Does not reject. */
  deliverSpool(deadline: AbortSignal): Promise<void>
  /** Joins the queue of ending commands; `finish` does this if the caller has not. */
  queue(): Promise<void>
  /**
   * Calls `last` when every earlier command in the queue has appended its last samples. Then delivers the spool and this
   * log to each output, in the order of the queue, until the deadline aborts. `last` is called after the deadline too,
   * and its samples are kept. Failures of outputs and of the disk are in the results: they do not reject.
   */
  finish(last: () => Promise<FinalSnapshots>, deadline: AbortSignal): Promise<readonly DeliveryResult[]>
}

/** The last samples of a command. */
export interface FinalSnapshots {
  readonly snapshots: readonly Snapshot[]
  /** The snapshot for outputs that deliver only the newest; default: the last of `snapshots`. */
  readonly pushed?: Snapshot
}
