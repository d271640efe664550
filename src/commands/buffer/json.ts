import type { BufferRow, DeadLetterRow, EndpointRow, Row } from '../../buffer/index.ts'
import { timeText } from '../../util/clock.ts'
import { type Listed, ofKind } from './listing.ts'

/**
 * What `buffer ls --format=json` says: one object, whose fields are told in docs/configuration.md and are all there
 * always; null where something is not known. Times are RFC 3339.
 */
export function jsonOf(directory: string, logs: readonly Listed[]): string {
  const own = logs.filter(({ isRun }) => !isRun).flatMap(({ rows }) => rows)
  const [buffer] = ofKind(own, 'buffer')
  const whole = {
    directory,
    ...sizes(buffer),
    corrupt_places: buffer?.corrupt ?? 0,
    problem: buffer?.problem ?? null,
    endpoints: ofKind(own, 'endpoint').map((row) => ({
      ...waiting(row),
      configured: row.isConfigured ?? null,
      dropped: row.dropped,
    })),
    dead_letters: ofKind(own, 'dead_letters').map(refusal),
    commands: logs.filter(({ isRun }) => isRun).flatMap(({ rows }) => command(rows)),
  }
  return `${JSON.stringify(whole, undefined, 2)}\n`
}

/** A log that a command has left, or keeps for the case that it cannot deliver. */
function command(rows: readonly Row[]) {
  const endpoints = ofKind(rows, 'endpoint').filter(({ snapshots }) => snapshots > 0)
  return ofKind(rows, 'buffer').map((row) => ({
    directory: row.directory,
    ...sizes(row),
    endpoints: endpoints.map(waiting),
  }))
}

const sizes = (row: BufferRow | undefined) => ({
  bytes: row?.bytes ?? 0,
  segments: row?.segments ?? 0,
  newer_bytes: row?.unreadableBytes ?? 0,
  newer_segments: row?.unreadable ?? 0,
})

const waiting = ({ endpoint, snapshots, samples, bytes, oldestMs, newestMs }: EndpointRow) => ({
  ...{ endpoint, snapshots, samples, bytes },
  oldest: time(oldestMs),
  newest: time(newestMs),
})

const refusal = ({ endpoint, reason, samples, newestMs }: DeadLetterRow) => ({
  ...{ endpoint, reason, samples },
  newest: time(newestMs),
})

const time = (ms: number | undefined) => (ms === undefined ? null : timeText(ms))
