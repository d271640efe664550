import { familiesOf, MemoryBuffer } from '../buffer/index.ts'

import {
  type CollectionResult,
  clockFamilies,
  createCycle,
  exporterFamilies,
  Hardware,
  type HardwareProtection,
  SampleClock,
  type SelfMetrics,
  scrapeFamilies,
} from '../collect/index.ts'

import type { Config } from '../config/index.ts'
import { openHost } from '../host/index.ts'
import { redactedUrl } from '../http/index.ts'
import { SeriesTable, SnapshotBuilder } from '../metrics/index.ts'

import { endpointsIn } from '../remote-write/index.ts'
import { createStats, emitEndpoint, emitStorage } from '../remote-write/measure.ts'

import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { build, platform } from '../util/version.ts'

/** Pause between two snapshots, so that counters change. */
const pauseMs = 50
const deadlineMs = 5000

interface SamplingDeps {
  readonly clock: Clock
  readonly log: Log
  readonly protection?: HardwareProtection | undefined
}

/** Snapshots as `run` collects them. Their timestamps are an interval apart, although the pause is shorter. */
export async function collectSome(
  config: Config,
  count: number,
  { clock, log, protection }: SamplingDeps,
): Promise<readonly CollectionResult[]> {
  const host = openHost(config, clock)
  const { collectors: enabled, interfaces, intervalMs } = config
  const hardware = protection && new Hardware(enabled, config, { host, clock, log, deadlineMs, protection })
  try {
    const builder = new SnapshotBuilder(new SeriesTable(config.identity))
    const families = [
      exporterFamilies({ ...build, ...platform }, host.self, host.bootTimeSeconds),
      clockFamilies(new SampleClock(clock, log)),
      sending(config, clock),
      scrapeFamilies(() => builder.added),
    ]
    const selfMetrics: SelfMetrics = (emit, soFar) => {
      for (const each of families) each(emit, soFar)
    }
    const cycle = createCycle({ hardware, host, enabled, interfaces, builder, clock, log, deadlineMs, selfMetrics })
    const firstMs = Math.floor(clock.now()) - count * intervalMs
    const cycles: CollectionResult[] = []
    for (let i = 0; i < count; i++) {
      if (i > 0) await clock.sleep(pauseMs)
      cycles.push(await cycle(firstMs + i * intervalMs))
    }
    return cycles
  } finally {
    hardware?.close()
    host.close()
  }
}

/** The self metrics of endpoints, before anything was sent. */
function sending({ outputs }: Config, clock: Clock): SelfMetrics {
  const endpoints = endpointsIn(outputs)
  const backlog = { snapshots: 0, samples: 0, bytes: 0, oldestMs: undefined }
  const buffer = new MemoryBuffer(0)
  for (const { name } of endpoints) buffer.cursor(name)
  const reports = endpoints.map(({ name, url, maxSamplesPerSend }) => ({
    ...{ name, url: redactedUrl(url), stats: createStats(), maxSamplesPerSend, backlog },
  }))
  return (emit) => {
    emitStorage(emit, reports, 0)
    for (const report of reports) emitEndpoint(emit, report, clock.now())
    for (const [family, value, labels] of familiesOf(buffer, new Map(reports.map(({ name, url }) => [name, url]))))
      emit(family, value, labels ?? {})
  }
}
