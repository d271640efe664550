import type { BufferDeps, BufferOptions, DropReason, Sync } from '../buffer/index.ts'

import type { Snapshot } from '../metrics/index.ts'
import type { ConfiguredOutput, SendDeps } from '../output.ts'
import type { DeliveryResult } from './result.ts'

/** Where a batch command keeps its samples, and where it sends them. */
export interface BatchOptions {
  readonly buffer: BufferOptions
  readonly outputs: readonly ConfiguredOutput[]
}

/** What is needed to send from a log. */
export interface SpoolDeps extends SendDeps, BufferDeps {
  /** How far this host's clock is ahead of a receiver's, milliseconds, where one has told its time. */
  readonly skewMs?: () => number | undefined
}

/** What an output got of it. */
export interface Delivered {
  readonly snapshots: number
  /** Why it has not got all; undefined where it has. */
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
 *     const run = await openBatchRun(options, deps, { sync })   a log of its own; in memory where there is no directory
 *     run.begin()                                               only if it appends before the end: delivers the spool, then this
 *     run.append(snapshot)
 *     const results = await run.finish(last, deadline)          `last()`, the spool, this log, output by output; closes everything
 *
 * What an output has not accepted by the deadline stays in the log, for the agent or the next batch command (spool.ts).
 */
export interface RunOptions {
  /** How safe the log is while the command lives: `end` waits for the write, not for the disk; its end is safe anyhow. */
  readonly sync: Sync
  /** Beside another run of the same process: what is wrong with the directory has been said. */
  readonly isSecond?: boolean
  /** Whether a kill leaves host series behind that have to be ended: see `ending`. */
  readonly endsSeries?: boolean
}

export interface BatchRun {
  /** Sends from here on what is appended, to each output that has got what was left before. Returns at once. */
  begin(): void
  /** Takes a snapshot in; one that is not the last goes to the gateways only as long as it is the newest. */
  append(snapshot: Snapshot): void
  /** Takes its place among those that end, which `finish` does where nobody has. */
  queue(): Promise<void>
  /**
   * Asks for the last samples when all who came before have theirs; then, at each output in its turn, delivers what
   * others left and these, until the deadline aborts; then too `last` is called and its samples are kept. Does not reject
   * for anything that an output or a disk does.
   */
  finish(last: () => Promise<FinalSnapshots>, deadline: AbortSignal): Promise<readonly DeliveryResult[]>
}

/** The last samples of a command. */
export interface FinalSnapshots {
  readonly snapshots: readonly Snapshot[]
  /** What the gateways get; the last of the snapshots where it is missing. */
  readonly pushed?: Snapshot
}
