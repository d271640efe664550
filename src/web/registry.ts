import type { Registry } from 'prom-client'
import { type Family, gauge, type Labels, SeriesTable, type Snapshot, SnapshotBuilder } from '../metrics/index.ts'

/** One of the agent's own numbers, read at the moment of a request. */
export interface OwnStat {
  readonly family: Family
  readonly labels?: Labels
  readonly value: number
}

/** Gives the agent's own metrics of this moment: these numbers and Node's. */
export type OwnMetrics = (stats: readonly OwnStat[]) => Promise<Snapshot>

type Rows = ReadonlyMap<string, readonly OwnStat[]>

/** A prom-client registry in front of plain numbers. What it needs is loaded here, not with this file. */
export async function openRegistry(withNode: boolean): Promise<OwnMetrics> {
  const { default: Registry } = await import('prom-client/lib/registry.js')
  const registry = new Registry()
  const add = await adder(registry)
  if (withNode) await addNode(registry)
  const builder = new SnapshotBuilder(new SeriesTable())
  const families = new Map<string, Family>()
  const own = new Set<string>()
  let rows: Rows = new Map()

  return async (stats) => {
    const [simple = [], composed = []] = [stats.filter(isSimple), stats.filter((row) => !isSimple(row))]
    rows = Map.groupBy(simple, ({ family }) => family.name)
    for (const [name, [first]] of rows) {
      if (first === undefined || own.has(name)) continue
      add(first.family, () => rows.get(name) ?? [])
      families.set(name, first.family)
      own.add(name)
    }
    const gone = new Set([...own].filter((name) => !rows.has(name)))
    const metrics = await registry.getMetricsAsJSON() // reads every number before it first waits
    builder.begin()
    for (const { name, help, values } of metrics) {
      if (gone.has(name)) continue
      for (const { labels, value } of values) {
        const family = families.get(name) ?? gauge(name, help, Object.keys(labels))
        families.set(name, family)
        builder.add(family, value, textual(labels))
      }
    }
    for (const { family, labels, value } of composed) builder.add(family, value, labels)
    return builder.end(0)
  }
}

/** The parts of histograms and summaries cannot be handed to prom-client: they go on the page as they are. */
const isSimple = ({ family }: OwnStat) => family.type === 'counter' || family.type === 'gauge'

/** Adds a metric whose numbers are read whenever the registry is. */
async function adder(registry: Registry) {
  const { default: Gauge } = await import('prom-client/lib/gauge.js')
  const { default: Counter } = await import('prom-client/lib/counter.js')
  return ({ name, help, labelNames, type }: Family, rows: () => readonly OwnStat[]) => {
    const shape = { name, help, labelNames, registers: [registry], collect }
    const metric = type === 'counter' ? new Counter(shape) : new Gauge(shape)
    function collect() {
      metric.reset()
      for (const { labels = {}, value } of rows())
        if (metric instanceof Counter) metric.inc(labels, value)
        else metric.set(labels, value)
    }
  }
}

/**
 * Those of Node's that cost nothing between two requests. The event loop's lag does (its histogram wakes the process a
 * hundred times a second), and so do the garbage collector's durations (an observer that runs at each collection).
 */
async function addNode(registry: Registry): Promise<void> {
  const parts = [
    await import('prom-client/lib/metrics/version.js'),
    await import('prom-client/lib/metrics/heapSizeAndUsed.js'),
    await import('prom-client/lib/metrics/heapSpacesSizeAndUsed.js'),
    await import('prom-client/lib/metrics/processResources.js'),
  ]
  for (const { default: addTo } of parts) addTo(registry)
  registry.removeSingleMetric('nodejs_active_resources_total') // a gauge under a counter's name
}

function textual(labels: Readonly<Record<string, unknown>>): Labels {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]))
}
