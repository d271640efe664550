import { gunzipSync } from 'node:zlib'
import { type ConformanceEntry, requestTimeout } from '../support/output-conformance.ts'

/** The text format, in gzip; a push without families has no body. */
export const pushgateway: ConformanceEntry = {
  kind: 'pushgateway',
  block: (url) => ({ url, timeout: requestTimeout }),
  success: 200,
  samples({ headers, body }) {
    const text = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    return text
      .toString()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const space = line.lastIndexOf(' ')
        return { series: line.slice(0, space), value: Number(line.slice(space + 1)) }
      })
  },
}
