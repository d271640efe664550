import { family, type Labels } from '../family.ts'
import { SeriesTable } from '../series.ts'
import { type Snapshot, SnapshotBuilder } from '../snapshot.ts'
import { Families, type ReadFamily } from './grouping.ts'
import { openMetricsReader } from './read-openmetrics.ts'
import { readLines, textIn, textReader } from './read-text.ts'

/** Maximum number of reported errors of a text. */
const maxErrors = 20

/**
 * Parses a text for `push`: OpenMetrics, detected by its last line, or the text format. No series may occur twice. `faults`
 * has one entry for each invalid line: `line N: ` and the reason.
 */
export function readPushed(bytes: Uint8Array): {
  readonly families: readonly ReadFamily[]
  readonly faults: readonly string[]
} {
  const families = new Families('reject')
  try {
    const text = textIn(bytes)
    const reader = /(^|\n)# EOF\n?$/.test(text) ? openMetricsReader(families) : textReader(families)
    const faults = readLines(text, reader, maxErrors)
    return { families: families.read(), faults }
  } catch (error) {
    return { families: [], faults: [error instanceof Error ? error.message : String(error)] }
  }
}

/** A snapshot of the families at `nowMs`. Throws if two families define the same series. */
export function snapshotOf(families: readonly ReadFamily[], identity: Labels, nowMs: number): Snapshot {
  const builder = new SnapshotBuilder(new SeriesTable(identity))
  builder.begin()
  const timestampsMs: number[] = []
  for (const { name, type, help, samples } of families) {
    for (const { suffix, labels, value, timestampMs = Number.NaN, createdMs: since } of samples) {
      builder.add({ ...family(type, name, help, Object.keys(labels), suffix), since }, value, labels)
      timestampsMs.push(timestampMs)
    }
  }
  const [duplicate] = builder.duplicates
  if (duplicate !== undefined)
    throw new Error(`${duplicate.family.name}${duplicate.family.suffix} is defined by two families`)
  const snapshot = builder.end(nowMs)
  return timestampsMs.every(Number.isNaN) ? snapshot : { ...snapshot, ownTimestampsMs: Float64Array.from(timestampsMs) }
}
