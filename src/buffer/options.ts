import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import type { FileSystem } from './disk/filesystem.ts'
import type { KeepOptions } from './history/kept-segments.ts'

export interface DiskOptions {
  readonly directory: string
  /** Directory of dead letters, which several logs can share. Default: `dead-letters` in `directory`. */
  readonly deadLettersOf?: string
  readonly sync: Sync
  readonly maxBytes: number
  readonly maxAgeMs: number
  readonly minFreeBytes: number
  /** How much delivered data stays on disk. Default: nothing. */
  readonly keep?: KeepOptions
}

export interface DiskDeps {
  readonly clock: Clock
  readonly log: Log
  readonly files: FileSystem
  /** The UUID in /proc/sys/kernel/random/boot_id. */
  readonly bootId: string
  /** Offset of the schedule for a new log, a fraction of the interval from 0 to 1. An existing log keeps its own. */
  readonly offset?: number
  /** Called when the directory was removed: creates it again and locks it. */
  readonly onMoved: () => Promise<void>
  /** Called after the last write. */
  readonly onClose?: () => Promise<void>
}

/**
 * When written data is synced: after each write (`always`), by the kernel (`never`), when the log is closed (`end`), or
 * at this interval in milliseconds. `end` is for short-lived commands, which send from memory before the data is
 * durable.
 */
export type Sync = 'always' | 'never' | 'end' | number
