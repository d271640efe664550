import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import type { FileSystem } from './disk/filesystem.ts'

export interface DiskOptions {
  readonly directory: string
  /** Where refused samples are set aside, which several logs may share; `aside` in the directory where it is missing. */
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
  /** Of this boot, as the kernel writes it. */
  readonly bootId: string
  /** Not where a command looks into a log, or makes one of its own. */
  readonly isAgent?: boolean
  /** The directory has gone and is made anew. */
  readonly onMoved: () => Promise<void>
  /** Nothing more is written. */
  readonly onClose?: () => Promise<void>
}

/**
 * When what was written is made safe: at once, so often (milliseconds), when the kernel likes, or when the log is closed:
 * that is for a command that lives for a moment, and which sends from memory while the disk is being written.
 */
export type Sync = 'always' | 'never' | 'end' | number
