import { Families, type ReadFamily } from './families.ts'
import { openMetricsReader } from './openmetrics.ts'
import { readLines, textIn, textReader } from './read.ts'

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
  const text = textIn(bytes)
  const reader = /(^|\n)# EOF\n?$/.test(text) ? openMetricsReader(families) : textReader(families)
  const faults = readLines(text, reader, mostFaults)
  return { families: families.read(), faults }
}
