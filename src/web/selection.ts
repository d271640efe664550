import type { CollectionResult } from '../collect/index.ts'
import type { Family } from '../metrics/index.ts'

/** The collectors whose samples a request wants. */
export type Collectors = ReadonlySet<string> | 'all'

type Selection =
  | { readonly collectors: Collectors; readonly refused?: undefined }
  | { readonly refused: string; readonly collectors?: undefined }

interface Names {
  readonly enabledCollectors: readonly string[]
  readonly allCollectors: readonly string[]
}

const perCollector = /^node_scrape_collector_/
const ofTheExporter = /^(?:nodejs|process|promhttp)_/

/** What a scraper writes for each target itself: on a page these would clash with its own. */
const ofTheScraper = new Set([
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
])

/** Reads `collect[]` and `exclude[]`; refuses in node_exporter's words. Unknown names to exclude are no mistake. */
export function selectionOf(query: URLSearchParams, { enabledCollectors, allCollectors }: Names): Selection {
  const wanted = query.getAll('collect[]')
  const unwanted = query.getAll('exclude[]')
  if (wanted.length > 0 && unwanted.length > 0)
    return { refused: 'Combined collect and exclude queries are not allowed.' }
  if (unwanted.length > 0) return { collectors: new Set(enabledCollectors.filter((name) => !unwanted.includes(name))) }
  if (wanted.length === 0) return { collectors: 'all' }
  const stranger = wanted.find((name) => !enabledCollectors.includes(name))
  if (stranger === undefined) return { collectors: new Set(wanted) }
  const why = allCollectors.includes(stranger) ? 'disabled' : 'missing'
  return {
    refused: `Couldn't create filtered metrics handler: couldn't create collector: ${why} collector: ${stranger}`,
  }
}

interface Wanted {
  readonly collectors: Collectors
  readonly exporterMetrics: boolean
}

/** Says which of a cycle's samples are on the page: the wanted collectors', what is said of them, the agent's own. */
export function shownOf(
  { snapshot, parts }: CollectionResult,
  { collectors, exporterMetrics }: Wanted,
): (at: number) => boolean {
  const wanted = (name: string | undefined) => collectors === 'all' || collectors.has(name ?? '')
  const collected = new Uint8Array(snapshot.series.length)
  const hidden = new Uint8Array(snapshot.series.length)
  for (const { collector, from, to } of parts) {
    collected.fill(1, from, to)
    if (!wanted(collector)) hidden.fill(1, from, to)
  }
  const own = ({ name }: Family) => !ofTheScraper.has(name) && (exporterMetrics || !ofTheExporter.test(name))
  snapshot.series.forEach(({ family, labelValues }, at) => {
    if (collected[at] === 1) return
    const shown = perCollector.test(family.name) ? wanted(labelValues[0]) : own(family)
    if (!shown) hidden[at] = 1
  })
  return (at) => hidden[at] === 0
}
