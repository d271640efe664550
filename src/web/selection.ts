import type { CollectionResult } from '../collect/index.ts'
import type { Family } from '../metrics/index.ts'

/** The collectors that a request selects. */
export type Collectors = ReadonlySet<string> | 'all'

type Selection =
  | { readonly collectors: Collectors; readonly invalid?: undefined }
  | { readonly invalid: string; readonly collectors?: undefined }

interface Names {
  readonly enabledCollectors: readonly string[]
  readonly allCollectors: readonly string[]
}

const perCollector = /^node_scrape_collector_/
const exporterMetric = /^(?:nodejs|process|promhttp)_/

/** Series that a scraper creates for each target: on the page they would conflict with the scraper's. */
const scraperMetrics = new Set([
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
])

/** Reads `collect[]` and `exclude[]`. Errors have node_exporter's texts. Unknown names in `exclude[]` are ignored. */
export function selectionOf(query: URLSearchParams, { enabledCollectors, allCollectors }: Names): Selection {
  const included = query.getAll('collect[]')
  const excluded = query.getAll('exclude[]')
  if (included.length > 0 && excluded.length > 0)
    return { invalid: 'Combined collect and exclude queries are not allowed.' }
  if (excluded.length > 0) return { collectors: new Set(enabledCollectors.filter((name) => !excluded.includes(name))) }
  if (included.length === 0) return { collectors: 'all' }
  const unavailable = included.find((name) => !enabledCollectors.includes(name))
  if (unavailable === undefined) return { collectors: new Set(included) }
  const state = allCollectors.includes(unavailable) ? 'disabled' : 'missing'
  const name = unavailable.length > maxNameLength ? `${unavailable.slice(0, maxNameLength)}…` : unavailable
  return {
    invalid: `Couldn't create filtered metrics handler: couldn't create collector: ${state} collector: ${name}`,
  }
}

/** Longest part of an unknown name in answers and in the log. */
const maxNameLength = 64

interface Options {
  readonly collectors: Collectors
  readonly exporterMetrics: boolean
}

/** Which samples of a cycle are on the page: those of the selected collectors, their scrape metrics, self metrics. */
export function shownOf(
  { snapshot, parts }: CollectionResult,
  { collectors, exporterMetrics }: Options,
): (at: number) => boolean {
  const isSelected = (name: string | undefined) => collectors === 'all' || collectors.has(name ?? '')
  const collected = new Uint8Array(snapshot.series.length)
  const hidden = new Uint8Array(snapshot.series.length)
  for (const { collector, from, to } of parts) {
    collected.fill(1, from, to)
    if (!isSelected(collector)) hidden.fill(1, from, to)
  }
  const own = ({ name }: Family) => !scraperMetrics.has(name) && (exporterMetrics || !exporterMetric.test(name))
  snapshot.series.forEach(({ family, labelValues }, at) => {
    if (collected[at] === 1) return
    const shown = perCollector.test(family.name) ? isSelected(labelValues[0]) : own(family)
    if (!shown) hidden[at] = 1
  })
  return (at) => hidden[at] === 0
}
