import { family, type Labels } from '../family.ts'
import { SeriesTable } from '../series.ts'
import { type Snapshot, SnapshotBuilder } from '../snapshot.ts'
import { Families, type ReadFamily } from './grouping.ts'
import { openMetricsReader } from './read-openmetrics.ts'
import { readLines, textIn, textReader } from './read-text.ts'

/** What is wrong with a text is told up to so many times. */
const mostFaults = 20

/**
 * Reads a text that is handed in to be pushed: OpenMetrics, which is known by its last line, or the text format. No
 * series may come twice, and each line that is at fault is told, `line N: ` with the reason.
 */
export function readPushed(bytes: Uint8Array): {
  readonly families: readonly ReadFamily[]
  readonly faults: readonly string[]
} {
  const families = new Families('refuse')
  try {
    const text = textIn(bytes)
    const reader = /(^|\n)# EOF\n?$/.test(text) ? openMetricsReader(families) : textReader(families)
    const faults = readLines(text, reader, mostFaults)
    return { families: families.read(), faults: withCarriageReturns(text, faults) ?? faults }
  } catch (error) {
    return { families: [], faults: [error instanceof Error ? error.message : String(error)] }
  }
}

/** Where every line is at fault for one reason that nobody sees. */
function withCarriageReturns(text: string, faults: readonly string[]): readonly string[] | undefined {
  const number = text.split('\n').findIndex((line) => line.endsWith('\r')) + 1
  if (number === 0 || faults.length === 0) return undefined
  return [`line ${number}: the line ends in CR LF, but the format requires LF: remove the CR with tr -d '\\r'`]
}

/** What was read as a snapshot of now; `identity` says whose samples they are. Throws where families are at odds. */
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
  const [refused] = builder.duplicates
  if (refused !== undefined)
    throw new Error(`${refused.family.name}${refused.family.suffix} is defined by two families`)
  const snapshot = builder.end(nowMs)
  return timestampsMs.every(Number.isNaN) ? snapshot : { ...snapshot, ownTimestampsMs: Float64Array.from(timestampsMs) }
}
