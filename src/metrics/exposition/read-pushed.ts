import { type Family, family, type Labels, type Suffix } from '../family.ts'
import { SeriesTable } from '../series.ts'
import { type Snapshot, SnapshotBuilder } from '../snapshot.ts'
import { Families, type ReadFamily } from './grouping.ts'
import { openMetricsReader } from './read-openmetrics.ts'
import { bytesOf, readLines, textReader } from './read-text.ts'
import { faultText } from './text-fault.ts'
import { pushLimits } from './text-limits.ts'

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
  const families = new Families('reject', pushLimits)
  const text = bytesOf(bytes)
  const isOpenMetrics = /(^|\n)# EOF\n?$/.test(text.toString('latin1', text.length - 7))
  const reader = isOpenMetrics ? openMetricsReader(families) : textReader(families)
  try {
    const faults = readLines(text, reader, { families, maxFaults: maxErrors })
    return { families: families.read(), faults: withCarriageReturns(text, faults) ?? faults }
  } catch (error) {
    return { families: [], faults: [faultText(error)] }
  }
}

/** One error for a text with CR LF, in which every line is invalid for a reason that is not visible. */
function withCarriageReturns(text: Buffer, faults: readonly string[]): readonly string[] | undefined {
  const at = text.indexOf('\r\n')
  if (at < 0 || faults.length === 0) return undefined
  const number = text.toString('latin1', 0, at).split('\n').length
  return [`line ${number}: the line ends in CR LF, but the format requires LF: remove the CR with tr -d '\\r'`]
}

/** A snapshot of the families at `nowMs`. Throws if two families define the same series. */
export function snapshotOf(families: readonly ReadFamily[], identity: Labels, nowMs: number): Snapshot {
  const builder = new SnapshotBuilder(new SeriesTable(identity))
  builder.begin()
  const timestampsMs: number[] = []
  for (const { name, type, help, samples } of families) {
    const familyFor = familyCache((labelNames, suffix, since) => ({
      ...family(type, name, help, labelNames, suffix),
      since,
    }))
    for (const { suffix, labels, value, timestampMs = Number.NaN, createdMs } of samples) {
      builder.add(familyFor(Object.keys(labels), suffix, createdMs), value, labels)
      timestampsMs.push(timestampMs)
    }
  }
  const [duplicate] = builder.duplicates
  if (duplicate !== undefined)
    throw new Error(`${duplicate.family.name}${duplicate.family.suffix} is defined by two families`)
  const snapshot = builder.end(nowMs)
  return timestampsMs.every(Number.isNaN) ? snapshot : { ...snapshot, ownTimestampsMs: Float64Array.from(timestampsMs) }
}

type MakeFamily = (labelNames: readonly string[], suffix: Suffix, since: number | undefined) => Family

/** One object for all samples with the same arguments: a text may have 50,000 samples. */
function familyCache(make: MakeFamily): MakeFamily {
  const made = new Map<string, Family>()
  return (labelNames, suffix, since) => {
    const key = `${since} ${suffix} ${labelNames.join()}`
    const known = made.get(key) ?? make(labelNames, suffix, since)
    made.set(key, known)
    return known
  }
}
