import type { LogReader } from '../log/reader.ts'
import type { LogPosition, MemoryTail } from '../memory-tail.ts'
import type { Loss } from '../segment/reader.ts'
import type { DeadLetter, DropReason } from '../types.ts'
import type { CursorState } from './record.ts'

/** The functions of the log that a cursor uses. */
export interface LogView {
  readonly tail: MemoryTail
  /** No snapshot has a sequence number from `newest` to `start`: the previous agent lost them or never wrote them. */
  readonly gap: { readonly newest: number; readonly start: LogPosition }
  /** The last sequence number that may be sent. */
  available(): number
  /** True if the record is on disk, durable as `sync` configures. */
  isWritten(sequence: number): boolean
  reader(after: number): LogReader
  save(state: CursorState, sync: boolean): Promise<void>
  /** Called when the cursor has advanced: retention may delete segments. */
  moved(): Promise<void>
  now(): number
  /** Delay before the next read of a disk that failed. */
  pause(signal: AbortSignal): Promise<void>
  /** How many of these samples are not counted as lost yet. */
  uncounted(loss: Loss): number
  dropped(endpoint: string, reason: DropReason, samples: number): void
  bytesAfter(position: LogPosition): number
  saveDeadLetter(endpoint: string, deadLetter: DeadLetter): Promise<void>
}
