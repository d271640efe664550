import type { BufferRow, DeadLetterRow, EndpointRow, Row } from '../../buffer/index.ts'
import { timeText } from '../../util/clock.ts'
import { type Listed, ofKind } from './listing.ts'

/**
 * The output of `buffer ls --format=json`: one object. docs/configuration.md documents its fields. Every field is always
 * present; null means unknown. Times are RFC 3339.
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
      ...backlog(row),
      configured: row.isConfigured ?? null,
      dropped: row.dropped,
    })),
    dead_letters: ofKind(own, 'dead_letters').map(deadLetter),
    commands: logs.filter(({ isRun }) => isRun).flatMap(({ rows }) => command(rows)),
  }
  return `${JSON.stringify(whole, undefined, 2)}\n`
}

/** The log of a batch command in the spool: the command has ended with undelivered samples, or still runs. */
function command(rows: readonly Row[]) {
  const endpoints = ofKind(rows, 'endpoint').filter(({ snapshots }) => snapshots > 0)
  return ofKind(rows, 'buffer').map((row) => ({
    directory: row.directory,
    ...sizes(row),
    endpoints: endpoints.map(backlog),
  }))
}

const sizes = (row: BufferRow | undefined) => ({
  bytes: row?.bytes ?? 0,
  segments: row?.segments ?? 0,
  kept_bytes: row?.keptBytes ?? 0,
  kept_segments: row?.keptSegments ?? 0,
})

const backlog = ({ endpoint, snapshots, samples, bytes, oldestMs, newestMs }: EndpointRow) => ({
  ...{ endpoint, snapshots, samples, bytes },
  oldest: time(oldestMs),
  newest: time(newestMs),
})

const deadLetter = ({ endpoint, reason, samples, newestMs }: DeadLetterRow) => ({
  ...{ endpoint, reason, samples },
  newest: time(newestMs),
})

const time = (ms: number | undefined) => (ms === undefined ? null : timeText(ms))
