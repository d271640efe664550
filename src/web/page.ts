import type { Cycle } from '../cycle.ts'
import type { Log } from '../log.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { familyTexts, nameOf, pageOf } from '../metrics/text.ts'
import { type OwnMetrics, type OwnStat, openRegistry } from './registry.ts'
import { type Collectors, filtered, shownOf } from './selection.ts'
import { statsOf, type WebStats } from './stats.ts'

interface Needs {
  readonly log: Log
  readonly stats: WebStats
  /** The agent's own numbers, asked at each request. */
  readonly own: () => Iterable<OwnStat>
  /** Whether the page says how this process and its page fare. */
  readonly exporterMetrics: boolean
}

/** What of a cycle is on the page, and the text of each family of it. */
interface Host {
  readonly shown: Snapshot
  readonly texts: ReadonlyMap<string, string>
}

const empty: Snapshot = { timestampMs: 0, series: [], values: new Float64Array() }

/** Makes the text of the page: a cycle's samples and the agent's own metrics of this moment, each family once. */
export function createPage(needs: Needs): (cycle: Cycle, collectors: Collectors) => Promise<string> {
  const { exporterMetrics } = needs
  const own = createOwn(needs)
  const hosts = new WeakMap<Cycle, Host>() // an entry goes with its cycle, when the next one has come

  const hostOf = (cycle: Cycle, collectors: Collectors): Host => {
    const known = collectors === 'all' ? hosts.get(cycle) : undefined
    if (known !== undefined) return known
    const shown = shownOf(cycle, { collectors, exporterMetrics })
    const host = { shown, texts: familyTexts(shown) }
    if (collectors === 'all') hosts.set(cycle, host)
    return host
  }
  return async (cycle, collectors) => {
    const live = await own()
    const { shown, texts } = hostOf(cycle, collectors)
    return pageOf(new Map([...texts, ...familyTexts(joined(live, shown))]))
  }
}

/** The agent's own metrics. A failure costs these alone, and is said once while it lasts. */
function createOwn({ log, stats, own, exporterMetrics }: Needs): () => Promise<Snapshot> {
  let opened: Promise<OwnMetrics> | undefined
  let failed = false
  return async () => {
    try {
      const metricsOf = await (opened ??= openRegistry(exporterMetrics))
      const snapshot = await metricsOf([...(exporterMetrics ? statsOf(stats) : []), ...own()])
      failed = false
      return snapshot
    } catch (error) {
      stats.errors.gathering++
      if (!failed) log.error("web: the agent's own metrics are missing from the page", { err: error })
      failed = true
      return empty
    }
  }
}

/**
 * The agent's own metrics, with what the host has under the same families: an own series hides the same one of the
 * last cycle, which is older, and an own family hides one of another type.
 */
function joined(live: Snapshot, host: Snapshot): Snapshot {
  const types = new Map(live.series.map(({ family }) => [family.name, family.type]))
  const names = new Set(live.series.map(nameOf))
  const more = filtered(
    host,
    (series) => types.get(series.family.name) === series.family.type && !names.has(nameOf(series)),
  )
  return {
    timestampMs: host.timestampMs,
    series: [...live.series, ...more.series],
    values: Float64Array.of(...live.values, ...more.values),
  }
}
