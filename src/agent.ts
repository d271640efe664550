import { createLoop, type Supervisor } from './agent/loop.ts'
import { OutputSet } from './agent/output-set.ts'
import { needsRestart, Reload } from './agent/reload.ts'
import { claimHostSeries, createSpoolAdoption, staleEnd } from './batch/index.ts'

import { type Buffer, countDropped, type FileSystem, openBuffer } from './buffer/index.ts'

import {
  type CollectorSet,
  clockFamilies,
  exporterFamilies,
  type HardwareProtection,
  Ingest,
  openCollectorSet,
  SampleClock,
  scrapeFamilies,
} from './collect/index.ts'

import type { Emit } from './collector.ts'
import { ConfigError } from './config/error.ts'
import { type Config, offsetOf, openWebFile } from './config/index.ts'

import { hostServices, isGoingDown, thisBoot } from './host/index.ts'

import type { Family, Labels } from './metrics/index.ts'
import { cursorNameOf, haveBacklog, type Output, type OutputReport, type SendDeps, type Undelivered } from './output.ts'
import { build, platform } from './util/version.ts'
import { createWeb, type OwnStat, type Web } from './web/index.ts'

export type { Supervisor } from './agent/loop.ts'
export { messages as agentMessages } from './agent/messages.ts'
export { logWarnings } from './agent/reload.ts'

/** Dependencies; tests inject their own. */
export interface Deps extends SendDeps {
  /** The disk that the buffer writes to. */
  readonly files?: FileSystem
  readonly supervisor?: Supervisor
  /** How collectors that read hardware are kept from blocking the agent. */
  readonly protection?: HardwareProtection | undefined
  /** Reads the configuration again; without it a reload fails. */
  readonly reread?: () => Promise<Config>
}

export interface Agent {
  readonly outputs: readonly Output[]
  /** Where the web server listens. */
  readonly addresses: readonly string[]
  /**
   * Collects and pushes until the signal aborts; then collects once more and flushes for at most `flush_timeout`.
   * Resolves to the outputs with undelivered samples. Rejects if a sender makes no progress after several restarts.
   */
  run(signal: AbortSignal): Promise<readonly Undelivered[]>
  /** `isSafe`: the backlog survives the process. Final once the agent has stopped. */
  readonly buffer: Pick<Buffer, 'isSafe'>
  /** Reloads the configuration, atomically. Resolves to its problems; to an empty list if it is in effect. */
  reload(): Promise<readonly string[]>
}

/** Builds the agent and starts its web server. Rejects if a part cannot be opened or the web server cannot listen. */
export async function createAgent(config: Config, deps: Deps): Promise<Agent> {
  const { clock, log } = deps
  const { buffer, sampleClock, outputSet, now, ...ends } = await openSending(config, deps)
  const epoch = { changed: new AbortController() }
  let running: Promise<unknown> | undefined
  const apply = async (next: Config) => {
    const problems = needsRestart(now.config, next)
    if (problems.length > 0) throw new ConfigError(problems)
    const change = await outputSet.prepare(next)
    const collection = open(next)
    while (running !== undefined) await running
    const before = { ...now }
    Object.assign(now, { config: next, collection })
    before.collection?.close()
    if (before.config.intervalMs !== next.intervalMs) {
      epoch.changed.abort(new Error('the interval has changed'))
      epoch.changed = new AbortController()
    }
    await change()
  }
  const notify = deps.supervisor?.notify ?? (() => {})
  const reread = deps.reread ?? (() => Promise.reject(new Error('no configuration file to reload')))
  const reloading = new Reload({ clock, log, notify, reread, apply })
  const selfMetrics = (emit: Emit) => {
    outputSet.emit(emit)
    reloading.families(emit, { samples: 0, seconds: 0 })
  }
  const open = (next: Config): CollectorSet =>
    openCollectorSet(next, {
      ...{ clock, log, previous: now.collection, protection: deps.protection },
      selfMetrics: ({ host, builder }) => [
        exporterFamilies({ ...build, ...platform }, host.self, host.bootTimeSeconds),
        clockFamilies(sampleClock),
        selfMetrics,
        scrapeFamilies(() => builder.added),
      ],
    })
  now.collection = open(config)
  const web = openWeb(now, deps, outputSet, { selfMetrics, reload: () => reloading.reload() })
  const close = async () => {
    await buffer.close()
    now.collection?.close()
  }
  const addresses = await web.listen().catch(async (error: unknown) => {
    await close()
    throw error
  })
  const offsetMs = () => Math.floor(buffer.offset * now.config.intervalMs)
  const run = createLoop(deps, {
    ingest: new Ingest(buffer, sampleClock, { clock, log, onDrop: (samples) => outputSet.dropUndated(samples) }),
    schedule: () => ({ ...now.config, offsetMs: offsetMs(), changed: epoch.changed.signal }),
    async cycle(timestampMs, limits) {
      const cycle = (now.collection ?? open(now.config)).cycle(timestampMs, limits)
      running = cycle.catch(() => {}) // the caller handles the error
      try {
        return await cycle
      } finally {
        running = undefined
      }
    },
    consumers: () => [...outputSet.all, web],
    watched: () => outputSet.all,
    // a buffer in memory would be lost with the process
    mayEnd: config.buffer.mode === 'disk' || !haveBacklog(config.outputs),
    ...{ ...ends, outputSet, close },
  })
  return {
    get outputs() {
      return outputSet.all
    },
    ...{ addresses, run, buffer },
    reload: () => reloading.reload(),
  }
}

/** The outputs that have a backlog in the buffer. */
const backlogOutputs = ({ outputs }: Pick<Config, 'outputs'>) => outputs.filter(({ kind }) => kind.delivers === 'every')

/** Current configuration and collectors; a reload replaces both. */
interface Current {
  config: Config
  collection: CollectorSet | undefined
  outputSet?: OutputSet
}

/** Opens the buffer and the outputs. The outputs send from here on. */
async function openSending(config: Config, deps: Deps) {
  const { clock, log } = deps
  const bootId = thisBoot()
  const now: Current = { config, collection: undefined }
  const agentInfo = {
    get identity() {
      return now.config.identity
    },
    get urls() {
      return backlogOutputs(now.config).map(({ kind, options }) => kind.address(options))
    },
    get endpoints() {
      return now.outputSet?.endpoints ?? []
    },
  }
  // only outputs with a backlog need the buffer directory
  const inMemory = !haveBacklog(config.outputs) ? ({ mode: 'memory' } as const) : {}
  const offset = offsetOf(config.identity)
  const saveDeadLetters = async () => {
    for (const output of now.outputSet?.all ?? []) await output.saveDeadLetters?.()
  }
  const buffer = await openBuffer(
    { ...config.buffer, ...inMemory },
    { ...deps, bootId, agentInfo, offset, saveDeadLetters },
  )
  const hostClaim = config.outputs.length > 0 ? await claimHostSeries(config, log) : undefined // batch commands then do not push this host's series
  const sampleClock = new SampleClock(clock, log, buffer.newestMs)
  const onTime = (receiverMs: number, name: string) => {
    sampleClock.confirm(receiverMs, name)
    buffer.confirmTime(receiverMs)
  }
  const hasStepped = () => sampleClock.stats.steps > 0
  const current = {
    buffer: config.buffer,
    get outputs() {
      return now.config.outputs
    },
  }
  const skewMs = () => sampleClock.stats.skewMs
  const adoption = createSpoolAdoption(current, { ...deps, bootId, skewMs }, ({ name, reason, samples }) => {
    if (backlogOutputs(current).some((one) => cursorNameOf(one) === name))
      countDropped(buffer.stats, name, reason, samples)
  })
  // Order per series: spooled samples are older than the samples of this agent, and newer than a backlog in the buffer
  const isBehind = backlogOutputs(config).some(
    (one) => buffer.cursor(cursorNameOf(one), one.options.sampling).backlog().snapshots > 0,
  )
  if (!isBehind) await adoption.first()
  const outputSet = new OutputSet({ ...deps, buffer, onTime, hasStepped })
  now.outputSet = outputSet
  const start = await outputSet.prepare(config)
  await start()
  const end = async () => {
    const { newestMs } = buffer
    const isEnd = newestMs !== undefined && (await isGoingDown(hostServices(config.busAddress), clock))
    if (isEnd) buffer.append(staleEnd(newestMs))
    if (hostClaim !== undefined && 'release' in hostClaim) await hostClaim.release()
  }
  return { buffer, sampleClock, outputSet, now, adoption, end }
}

interface WebHooks {
  readonly selfMetrics: (emit: Emit) => void
  readonly reload: () => Promise<readonly string[]>
}

function openWeb(now: Current, { clock, log }: Deps, outputSet: OutputSet, { selfMetrics, reload }: WebHooks): Web {
  const { files, web } = now.config
  const { configFile } = web
  return createWeb(web, {
    clock,
    log,
    program: { name: 'hostpush', version: build.version },
    get enabledCollectors() {
      return now.config.collectors.map(({ collector }) => collector.name)
    },
    allCollectors: now.config.allCollectors,
    own: () => ownStats(selfMetrics),
    ...(configFile !== undefined && { protection: () => openWebFile(configFile, files) }),
    status: () => outputSet.all.flatMap(({ report }) => statusOf(report)),
    reload,
  })
}

/** The rows of an output on the status page. */
function statusOf({ name, url, problem, acceptance }: OutputReport): readonly (readonly [string, string])[] {
  const delivery = [`${name} ${url}`, problem ?? 'delivering'] as const
  return acceptance === undefined ? [delivery] : [delivery, [`${name} acceptance of rejected requests`, acceptance]]
}

/** Collects emitted samples into the form that the web server accepts. */
function ownStats(families: (emit: Emit) => void): readonly OwnStat[] {
  const stats: OwnStat[] = []
  families(((family: Family, value: number | undefined, labels?: Labels) => {
    if (value !== undefined) stats.push({ family, value, ...(labels && { labels }) })
  }) as Emit)
  return stats
}
