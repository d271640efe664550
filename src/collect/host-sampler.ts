import type { Config } from '../config/index.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { build, platform } from '../util/version.ts'
import { openCollection } from './collector-set.ts'
import { Intake } from './ingest.ts'
import { Timeline } from './sample-clock.ts'
import { buildFamilies, scrapeFamilies } from './self-metrics.ts'

/** What a command sees of the host: all that an agent does, but for what is about an agent. */
export interface Glance {
  /** Collects, and gives what has its place in time by now: nothing as long as the clock is not set. */
  take(): Promise<readonly Snapshot[]>
  close(): void
}

interface Means {
  readonly clock: Clock
  readonly log: Log
  /** What collectors may take at most, milliseconds. */
  readonly withinMs: number
}

export function openGlance(config: Config, { clock, log, withinMs }: Means): Glance {
  const taken: Snapshot[] = []
  const into = { append: (snapshot: Snapshot) => taken.push(snapshot) }
  const intake = new Intake(into, new Timeline(clock, log), { clock, log, onDrop: () => {} })
  const collection = openCollection(config, {
    ...{ clock, log, withinMs },
    own: ({ builder }) => [buildFamilies({ ...build, ...platform }), scrapeFamilies(() => builder.added)],
  })
  return {
    async take() {
      intake.take(await collection.cycle(intake.moment()))
      return taken.splice(0)
    },
    close: () => collection.close(),
  }
}
