import type { Snapshot } from '../metrics/index.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { build, platform } from '../util/version.ts'
import { type CollectorSetOptions, openCollectorSet } from './collector-set.ts'
import type { HardwareProtection } from './hardware/index.ts'
import { Ingest } from './ingest.ts'
import { SampleClock } from './sample-clock.ts'
import { buildFamilies, scrapeFamilies } from './self-metrics.ts'

/** Collects the host's samples for a batch command: those of an agent without its self metrics. */
export interface HostSampler {
  /**
   * Collects once. Resolves to the snapshots that have a timestamp: to none while the clock is not set. `stop`: see `CycleLimits`.
   */
  collect(stop?: AbortSignal): Promise<readonly Snapshot[]>
  close(): void
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
  /** Upper limit of the collectors' deadline, in milliseconds. */
  readonly withinMs: number
  readonly protection?: HardwareProtection | undefined
}

export function openHostSampler(
  options: CollectorSetOptions,
  { clock, log, withinMs: maxMs, protection }: Deps,
): HostSampler {
  const collected: Snapshot[] = []
  const sink = { append: (snapshot: Snapshot) => collected.push(snapshot) }
  const ingest = new Ingest(sink, new SampleClock(clock, log), { clock, log, onDrop: () => {} })
  const collection = openCollectorSet(options, {
    ...{ clock, log, maxMs, protection },
    selfMetrics: ({ builder }) => [buildFamilies({ ...build, ...platform }), scrapeFamilies(() => builder.added)],
  })
  return {
    async collect(stop) {
      ingest.add(await collection.cycle(ingest.startCycle(), { stop }))
      return collected.splice(0)
    },
    close: () => collection.close(),
  }
}
