import type { Snapshot } from '../metrics/index.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { build, platform } from '../util/version.ts'
import { type CollectorSetOptions, openCollectorSet } from './collector-set.ts'
import { Ingest } from './ingest.ts'
import { SampleClock } from './sample-clock.ts'
import { buildFamilies, scrapeFamilies } from './self-metrics.ts'

/** What a command sees of the host: all that an agent does, but for what is about an agent. */
export interface HostSampler {
  /** Collects, and gives what has its place in time by now: nothing as long as the clock is not set. */
  collect(): Promise<readonly Snapshot[]>
  close(): void
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
  /** What collectors may take at most, milliseconds. */
  readonly withinMs: number
}

export function openHostSampler(options: CollectorSetOptions, { clock, log, withinMs: maxMs }: Deps): HostSampler {
  const taken: Snapshot[] = []
  const into = { append: (snapshot: Snapshot) => taken.push(snapshot) }
  const ingest = new Ingest(into, new SampleClock(clock, log), { clock, log, onDrop: () => {} })
  const collection = openCollectorSet(options, {
    ...{ clock, log, maxMs },
    selfMetrics: ({ builder }) => [buildFamilies({ ...build, ...platform }), scrapeFamilies(() => builder.added)],
  })
  return {
    async collect() {
      ingest.add(await collection.cycle(ingest.startCycle()))
      return taken.splice(0)
    },
    close: () => collection.close(),
  }
}
