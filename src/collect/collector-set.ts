import { type HostOptions, type OpenHost, openHost } from '../host/index.ts'
import { type Filter, isSameIdentity, type Labels, SeriesTable, SnapshotBuilder } from '../metrics/index.ts'

import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { build, platform } from '../util/version.ts'
import { type CollectionResult, type Cycle, createCycle, type EnabledCollector, type SelfMetrics } from './cycle.ts'
import { Hardware, type HardwareProtection } from './hardware/index.ts'
import { exporterFamilies } from './self-metrics.ts'

/** Deadline of asynchronous collectors: this part of the interval, limited to `maxDeadlineMs`. */
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
  readonly cycle: Cycle
  close(): void
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
  /** Families that no collector emits. */
  readonly selfMetrics: (parts: Pick<CollectorSet, 'host' | 'builder'>) => readonly SelfMetrics[]
  /** Upper limit of the collectors' deadline, in milliseconds. */
  readonly maxMs?: number
  /** The set that this one replaces. With the same identity, its series continue. */
  readonly previous?: CollectorSet | undefined
  /** Without it, collectors that read hardware run in this process and may block it. */
  readonly protection?: HardwareProtection | undefined
}

export function openCollectorSet(
  options: CollectorSetOptions,
  { clock, log, selfMetrics, maxMs, previous, protection }: Deps,
): CollectorSet {
  const host = openHost(options, clock)
  const isSame = previous !== undefined && isSameIdentity(previous.builder.table.identity, options.identity)
  const builder = isSame ? previous.builder : new SnapshotBuilder(new SeriesTable(options.identity))
  const families = selfMetrics({ host, builder })
  const deadlineMs = Math.min(maxMs ?? maxDeadlineMs, maxDeadlineMs, options.intervalMs * deadlineFraction)
  const hardware = protection && new Hardware(options.collectors, options, { host, clock, log, deadlineMs, protection })
  const cycle = createCycle({
    ...{ hardware, host, builder, clock, log, deadlineMs },
    enabled: options.collectors,
    interfaces: options.interfaces,
    selfMetrics: (emit, soFar) => {
      for (const each of families) each(emit, soFar)
    },
  })
  const close = () => {
    hardware?.close()
    host.close()
  }
  return { host, builder, cycle, close }
}

/** Collects once, without outputs: the samples that node_exporter would show. */
export async function collectOnce(
  options: CollectorSetOptions,
  { clock, log, protection }: Pick<Deps, 'clock' | 'log' | 'protection'>,
): Promise<CollectionResult> {
  const collection = openCollectorSet(options, {
    ...{ clock, log, protection },
    selfMetrics: ({ host }) => [exporterFamilies({ ...build, ...platform }, host.self, host.bootTimeSeconds)],
  })
  try {
    return await collection.cycle(clock.now())
  } finally {
    collection.close()
  }
}
