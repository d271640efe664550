import type { CollectionResult } from '../collect/index.ts'
import type { Config } from '../config/index.ts'
import { redactedUrl } from '../http/index.ts'
import type { Snapshot } from '../metrics/index.ts'
import { extents, keepList } from '../relabel/index.ts'
import { type EndpointOptions, endpointsIn } from '../remote-write/index.ts'
import { type Plan, snapshotsPerRequest, type Volume, volumeOf } from './volume.ts'

/** A way to send to an endpoint, with its volume. */
export interface Alternative extends Volume {
  /** The setting that differs, as written in the configuration; `as configured` for none. */
  readonly way: string
  /** Series that this way does not send, compared with the configuration: at a limit of series, what it saves. */
  readonly seriesSaved: number
  /** Series that Grafana Cloud bills: active ones, or data points a minute, whichever is more. */
  readonly billedSeries?: number
}

type Measured = Omit<Alternative, 'seriesSaved'>

export interface EndpointEstimate {
  readonly name: string
  readonly url: string
  readonly alternatives: readonly Alternative[]
}

export interface Estimate {
  readonly intervalSeconds: number
  /** Series by collector, largest first. The metrics of the agent itself are last, without a name. */
  readonly collectors: readonly { readonly collector: string; readonly series: number }[]
  readonly endpoints: readonly EndpointEstimate[]
}

const slowMs = 60_000
const bundledMs = 300_000
const asConfigured = 'as configured'

/** Number of snapshots that is enough to measure every alternative. */
export const snapshotsFor = ({ intervalMs }: Config): number =>
  Math.min(24, Math.max(2, Math.ceil(bundledMs / intervalMs)))

/** The volume that this host sends as configured, and with other settings. */
export function estimateOf(config: Config, cycles: readonly CollectionResult[]): Estimate {
  const snapshots = cycles.map(({ snapshot }) => snapshot)
  return {
    intervalSeconds: config.intervalMs / 1000,
    collectors: byCollector(cycles.at(-1)),
    endpoints: endpointsIn(config.outputs).map((options) => ({
      name: options.name,
      url: redactedUrl(options.url),
      alternatives: withSavings(
        alternativesOf(options, config.intervalMs).flatMap(([way, plan]) => [
          { way, ...measured(options, plan, snapshots) },
          ...leanerSettings(way, plan, (other) => measured(options, other, snapshots)),
        ]),
      ),
    })),
  }
}

/** The first one is the configuration. */
function withSavings(alternatives: readonly Measured[]): readonly Alternative[] {
  const series = alternatives[0]?.series ?? 0
  return alternatives.map((one) => ({ ...one, seriesSaved: series - one.series }))
}

/** The setting that reduces the bytes, if remote-write 2.0 needs more of them than 1.0. */
function leanerSettings(way: string, plan: Plan, measure: (plan: Plan) => Omit<Measured, 'way'>): readonly Measured[] {
  if (plan.protobufMessage !== 'io.prometheus.write.v2.Request' || plan.inline !== 'full') return []
  if (measure(plan).bytesPerMonth <= measure({ ...plan, protobufMessage: 'prometheus.WriteRequest' }).bytesPerMonth)
    return []
  const setting = 'metadata_config.inline: types_only'
  const name = way === asConfigured ? setting : `${way}, ${setting}`
  return [{ way: name, ...measure({ ...plan, inline: 'types_only' }) }]
}

function byCollector(cycle: CollectionResult | undefined): Estimate['collectors'] {
  const counts = new Map<string, number>()
  for (const { collector, from, to } of cycle?.parts ?? [])
    counts.set(collector, (counts.get(collector) ?? 0) + to - from)
  const all = cycle?.snapshot.series.length ?? 0
  const theirs = [...counts.values()].reduce((sum, one) => sum + one, 0)
  const rows = [...counts].map(([collector, series]) => ({ collector, series }))
  return [...rows.toSorted((left, right) => right.series - left.series), { collector: '', series: all - theirs }]
}

function alternativesOf(
  options: EndpointOptions,
  collectedMs: number,
): readonly (readonly [way: string, plan: Plan])[] {
  const now: Plan = { ...options, intervalMs: options.sampling?.intervalMs ?? collectedMs }
  const ways: (readonly [string, Plan])[] = [[asConfigured, now]]
  for (const extent of extents) {
    const metrics = keepList(extent)
    if (metrics?.size !== now.metrics?.size) ways.push([`metrics: ${extent}`, { ...now, metrics }])
  }
  if (now.protobufMessage === 'auto')
    ways.push(['receiver with remote-write 2.0', { ...now, protobufMessage: 'io.prometheus.write.v2.Request' }])
  if (now.intervalMs < slowMs) ways.push(['interval: 60s', { ...now, intervalMs: slowMs }])
  if (now.sendIntervalMs < bundledMs) ways.push(['send_interval: 5m', { ...now, sendIntervalMs: bundledMs }])
  return ways
}

function measured(
  { url, pushPath }: EndpointOptions,
  plan: Plan,
  snapshots: readonly Snapshot[],
): Omit<Measured, 'way'> {
  const enough = Math.max(1, Math.min(snapshots.length, snapshotsPerRequest(plan, 1)))
  const volume = volumeOf(snapshots, {
    ...plan,
    sendIntervalMs: Math.min(plan.sendIntervalMs, enough * plan.intervalMs),
  })
  const isBilled = url.hostname.endsWith('.grafana.net') || pushPath === '/api/prom/push'
  return { ...volume, ...(isBilled && { billedSeries: Math.round(Math.max(volume.series, volume.samplesPerMinute)) }) }
}
