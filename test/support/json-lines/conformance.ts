import { byCodeUnit, seriesText } from '../../../src/metrics/index.ts'
import { type ConformanceEntry, requestTimeout } from '../output-conformance.ts'
import { registeredJsonLines } from './index.ts'

interface Line {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** One JSON object for each line. */
export const jsonLines: ConformanceEntry = {
  kind: 'json_lines',
  registered: registeredJsonLines,
  block: (origin) => ({ url: `${origin}/lines`, timeout: requestTimeout }),
  success: 204,
  samples({ body }) {
    const lines = body
      .toString()
      .split('\n')
      .filter((line) => line !== '')
    return lines.map((line) => {
      const { labels, value }: Line = JSON.parse(line)
      const { __name__: name = '', job: _, instance: __, ...own } = labels
      const sorted = Object.entries(own).sort(([left], [right]) => byCodeUnit(left, right))
      return { series: seriesText(name, sorted), value }
    })
  },
}
