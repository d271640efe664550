import type { LogReader } from '../log/reader.ts'
import type { LogPosition, MemoryTail } from '../memory-tail.ts'
import type { Loss } from '../segment/reader.ts'
import type { DeadLetter, DropReason } from '../types.ts'
import type { CursorState } from './record.ts'

/** What a cursor needs of the log it stands in. */
export interface LogView {
  readonly tail: MemoryTail
  /** No snapshot has a number from `newest` up to `start`: of the agent before they were lost, or never there. */
  readonly gap: { readonly newest: number; readonly start: LogPosition }
  /** Sequence numbers up to this may be sent. */
  available(): number
  reader(after: number): LogReader
  save(state: CursorState, sync: boolean): Promise<void>
  /** Something is behind this cursor now that it held before. */
  moved(): Promise<void>
  now(): number
  /** Resolves when a disk that failed may be asked again. */
  pause(signal: AbortSignal): Promise<void>
  /** Which of these samples nobody has counted as lost yet. */
  uncounted(loss: Loss): number
  dropped(endpoint: string, reason: DropReason, samples: number): void
  bytesAfter(place: LogPosition): number
  saveDeadLetter(endpoint: string, refused: DeadLetter): Promise<void>
}
