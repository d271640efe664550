import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import type { FileSystem } from './disk/filesystem.ts'

export interface DiskOptions {
  readonly directory: string
  /** Directory of dead letters, which several logs can share. Default: `dead-letters` in `directory`. */
  readonly deadLettersOf?: string
  readonly sync: Sync
  readonly maxBytes: number
  readonly maxAgeMs: number
  readonly minFreeBytes: number
}

export interface DiskDeps {
  readonly clock: Clock
  readonly log: Log
  readonly files: FileSystem
  /** The UUID in /proc/sys/kernel/random/boot_id. */
  readonly bootId: string
  /** True for an agent; false for a command that inspects a log or creates a log in the spool. */
  readonly isAgent?: boolean
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
