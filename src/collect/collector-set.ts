import { type HostOptions, type OpenHost, openHost } from '../host/index.ts'
import { type Filter, isSameIdentity, type Labels, SeriesTable, SnapshotBuilder } from '../metrics/index.ts'

import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { build, platform } from '../util/version.ts'
import { type CollectionResult, createCycle, type EnabledCollector, type SelfMetrics } from './cycle.ts'
import { exporterFamilies } from './self-metrics.ts'

/** A collector that waits for something may take this part of the interval, and never more than this. */
const deadlineFraction = 0.8
const maxDeadlineMs = 10_000

/** Which collectors run on this host, how often, and under which labels. */
export interface CollectorSetOptions extends HostOptions {
  readonly collectors: readonly EnabledCollector[]
  readonly interfaces: Filter
  readonly identity: Labels
  readonly intervalMs: number
}

/** The configured collectors of this host, ready to run. */
export interface CollectorSet {
  readonly host: OpenHost
  readonly builder: SnapshotBuilder
  /** Runs all of them once. Calls must not overlap. */
  readonly cycle: (timestampMs: number) => Promise<CollectionResult>
  close(): void
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
  /** Families that are no collector's. */
  readonly selfMetrics: (parts: Pick<CollectorSet, 'host' | 'builder'>) => readonly SelfMetrics[]
  /** What collectors may take at most, milliseconds, where it is less than the interval gives them. */
  readonly maxMs?: number
  /** The collection that this one follows: where the identity is the same, its series go on. */
  readonly previous?: CollectorSet | undefined
}

export function openCollectorSet(
  options: CollectorSetOptions,
  { clock, log, selfMetrics, maxMs, previous }: Deps,
): CollectorSet {
  const host = openHost(options, clock)
  const isSame = previous !== undefined && isSameIdentity(previous.builder.table.identity, options.identity)
  const builder = isSame ? previous.builder : new SnapshotBuilder(new SeriesTable(options.identity))
  const families = selfMetrics({ host, builder })
  const deadlineMs = Math.min(maxMs ?? maxDeadlineMs, maxDeadlineMs, options.intervalMs * deadlineFraction)
  const cycle = createCycle({
    ...{ host, builder, clock, log, deadlineMs },
    enabled: options.collectors,
    interfaces: options.interfaces,
    selfMetrics: (emit, soFar) => {
      for (const each of families) each(emit, soFar)
    },
  })
  return { host, builder, cycle, close: () => host.close() }
}

/** Collects once, without any output: what node_exporter would show. */
export async function collectOnce(
  options: CollectorSetOptions,
  { clock, log }: Pick<Deps, 'clock' | 'log'>,
): Promise<CollectionResult> {
  const collection = openCollectorSet(options, {
    ...{ clock, log },
    selfMetrics: ({ host }) => [exporterFamilies({ ...build, ...platform }, host.self, host.bootTimeSeconds)],
  })
  try {
    return await collection.cycle(clock.now())
  } finally {
    collection.close()
  }
}
