import { redactedUrl } from '../../../src/http/index.ts'
import type { OutputKind, RegisteredKind } from '../../../src/output.ts'
import { type JsonLinesOptions, jsonLinesOptions, jsonLinesSchema } from './config.ts'
import type { JsonLinesOutput } from './sender.ts'
import { emitStats } from './stats.ts'

/** A kind of output that only the tests have: one JSON object for each sample, with a backlog. */
const jsonLines: OutputKind<JsonLinesOptions, JsonLinesOutput> = {
  kind: 'json_lines',
  component: 'json-lines',
  schema: jsonLinesSchema,
  delivers: 'every',
  cursorPrefix: 'json-lines:',
  options: jsonLinesOptions,
  async load() {
    const { JsonLinesOutput } = await import('./sender.ts')
    return { open: (options, deps) => new JsonLinesOutput(options, deps) }
  },
  address: ({ url }) => redactedUrl(url),
  selfMetrics(emit, outputs) {
    for (const { labels, stats, pending } of outputs) emitStats(emit, labels, stats, pending)
  },
  probe: () => ({ request: { body: new Uint8Array(), headers: { 'content-type': 'application/x-ndjson' } } }),
}

/** Its entry of a registry. */
export const registeredJsonLines: RegisteredKind = {
  kind: jsonLines.kind,
  flag: { name: 'json-lines.url', help: 'The URL of a receiver of JSON lines.' },
  load: async () => jsonLines,
}
