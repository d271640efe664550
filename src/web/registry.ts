import type { Registry } from 'prom-client'
import { type Family, gauge, type Labels, SeriesTable, type Snapshot, SnapshotBuilder } from '../metrics/index.ts'

/** One sample of a self metric, read at the time of a request. */
export interface OwnStat {
  readonly family: Family
  readonly labels?: Labels
  readonly value: number
}

/** Resolves to a snapshot of the self metrics in `stats` and of Node's metrics. */
export type OwnMetrics = (stats: readonly OwnStat[]) => Promise<Snapshot>

type Rows = ReadonlyMap<string, readonly OwnStat[]>

/** Opens a prom-client registry for self metrics. Loads prom-client on the first call. */
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
    const removed = new Set([...own].filter((name) => !rows.has(name)))
    const metrics = await registry.getMetricsAsJSON() // reads all values before its first await
    builder.begin()
    for (const { name, help, values } of metrics) {
      if (removed.has(name)) continue
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

/** prom-client does not accept the parts of a histogram or summary: they are added to the page directly. */
const isSimple = ({ family }: OwnStat) => family.type === 'counter' || family.type === 'gauge'

/** Adds a metric to the registry; `rows` is called at each read. */
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
 * Adds those metrics of Node that cost nothing between two requests. Not added: the event loop lag (its histogram wakes
 * the process a hundred times a second) and the garbage collection durations (an observer runs at each collection).
 */
async function addNode(registry: Registry): Promise<void> {
  const parts = [
    await import('prom-client/lib/metrics/version.js'),
    await import('prom-client/lib/metrics/heapSizeAndUsed.js'),
    await import('prom-client/lib/metrics/heapSpacesSizeAndUsed.js'),
    await import('prom-client/lib/metrics/processResources.js'),
  ]
  for (const { default: addTo } of parts) addTo(registry)
  registry.removeSingleMetric('nodejs_active_resources_total') // a gauge with the name of a counter
}

function textual(labels: Readonly<Record<string, unknown>>): Labels {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]))
}
