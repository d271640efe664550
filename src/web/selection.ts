import type { Cycle } from '../cycle.ts'
import type { Family } from '../metrics/family.ts'
import type { Series } from '../metrics/series.ts'
import type { Snapshot } from '../metrics/snapshot.ts'

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

interface Shown {
  readonly collectors: Collectors
  readonly exporterMetrics: boolean
}

/** What of a cycle is on the page: the wanted collectors' samples, what the cycle says of them, and the agent's own. */
export function shownOf({ snapshot, parts }: Cycle, { collectors, exporterMetrics }: Shown): Snapshot {
  const owners: (string | undefined)[] = new Array(snapshot.series.length).fill(undefined)
  for (const { collector, from, to } of parts) owners.fill(collector, from, to)
  const own = ({ name }: Family) => !ofTheScraper.has(name) && (exporterMetrics || !ofTheExporter.test(name))
  const wanted = (name: string | undefined) => collectors === 'all' || collectors.has(name ?? '')
  return filtered(snapshot, ({ family, labelValues }, i) => {
    if (owners[i] !== undefined) return wanted(owners[i])
    return perCollector.test(family.name) ? wanted(labelValues[0]) : own(family)
  })
}

/** A snapshot of the samples that pass, for a page without timestamps. */
export function filtered(
  { timestampMs, series, values }: Snapshot,
  pass: (series: Series, at: number) => boolean,
): Snapshot {
  const places: number[] = []
  series.forEach((one, i) => {
    if (pass(one, i)) places.push(i)
  })
  return {
    timestampMs,
    series: places.map((i) => series[i] as Series),
    values: Float64Array.from(places, (i) => values[i] as number),
  }
}
