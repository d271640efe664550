import type { LogPosition } from '../memory-tail.ts'
import type { CursorState } from './record.ts'

/**
 * The in-flight mark of a snapshot record. It lets a live endpoint send with one sync an interval: that of the record.
 *
 * A record carries the mark of an endpoint if, when the snapshot is appended, the endpoint waits for it: its cursor is
 * directly before the record and nothing is in flight. The mark therefore proves two things after a crash:
 *
 *   1. every snapshot before the record has its final answer from this endpoint;
 *   2. the record alone may be in flight.
 *
 * A request of exactly the marked record needs no write to the cursor file. Every other request (several snapshots, a
 * bisection, a record without the mark) is written to the file and synced first, as the range in flight. So the durable
 * slot is either older than the mark, and the mark replaces it, or it is directly before the record, and its own range
 * in flight counts.
 *
 * Only the newest mark of an endpoint matters. Before the writer creates a segment, all cursors are made durable: marks
 * in older segments are then covered by the cursor file, and a start reads the last segment only.
 */
export interface InFlightMark {
  /** The position before the marked record. */
  readonly before: LogPosition
  /** The position after it. */
  readonly after: LogPosition
}

/** The newest mark of each endpoint, by name. */
export type InFlightMarks = ReadonlyMap<string, InFlightMark>

/** Longer names do not fit into a record: these endpoints have no marks. */
export const isMarkable = (name: string): boolean => Buffer.byteLength(name) <= 255

/** The state of a cursor after a start: that of the file, or that of a later mark. */
export function recoveredState(state: CursorState, mark: InFlightMark | undefined): CursorState {
  if (mark === undefined) return state
  const { before, after } = mark
  const { position, inFlight } = state
  const isInFile =
    before.sequence < position.sequence || (before.sequence === position.sequence && inFlight !== undefined)
  if (isInFile) return state
  return {
    ...state,
    position: before,
    delivered: Math.max(state.delivered, before.sequence),
    settled: Math.max(state.settled, before.sequence),
    inFlight: { first: after.sequence, last: after.sequence, note: '', samples: after.samples },
  }
}
