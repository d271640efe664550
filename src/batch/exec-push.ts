import type { Claim } from '../buffer/index.ts'
import {
  type CollectorSetOptions,
  type HardwareProtection,
  type HostSampler,
  openHostSampler,
  SampleClock,
} from '../collect/index.ts'

import { isSameIdentity, type Labels, labelled, type Snapshot } from '../metrics/index.ts'

import { jobSnapshots, type RunningJob } from '../process/index.ts'

import { every } from '../util/clock.ts'
import { createDeadline, raceAbort } from '../util/deadline.ts'
import { type Log, messageOf, report } from '../util/log.ts'
import { messages } from './messages.ts'
import { openBatchRun } from './open-run.ts'
import { claimHostSeries, claimSeries } from './process-lock.ts'
import type { DeliveryResult } from './result.ts'
import { runningAgent } from './run-log.ts'
import { staleEnd } from './spool-logs.ts'
import type { BatchOptions, BatchRun, FinalSnapshots, SpoolDeps } from './types.ts'

/** A running command and the labels of its metrics. */
interface LabelledJob {
  readonly labels: Labels
  readonly running: RunningJob
}

/** Outputs, collectors of the host, and interval of `exec`. */
export interface ExecPushOptions extends BatchOptions, CollectorSetOptions {}

interface Deps extends SpoolDeps {
  /** Time for the last collection and delivery after the command has ended, in milliseconds. */
  readonly timeoutMs: number
  /** The `instance` label was set by a flag: then an agent with another instance does not take over the host's series. */
  readonly hasOwnInstance: boolean
  /** How collectors that read hardware are kept from blocking this process. */
  readonly protection?: HardwareProtection | undefined
}

/** Parts of `timeoutMs`. The rest, after delivering, is for writing undelivered samples to the spool. */
const fractions = { collecting: 0.4, delivering: 0.9 }

/**
 * Pushes the metrics of a command, and of the host, until the command has ended; then delivers for at most `timeoutMs`.
 * These are two runs, because the host's series end with stale markers and the job's series do not.
 */
export async function pushDuringExec(
  options: ExecPushOptions,
  job: LabelledJob,
  deps: Deps,
): Promise<readonly DeliveryResult[]> {
  const { clock, log } = deps
  const { running } = job
  const jobRun = await openJobRun(options, job, deps)
  const host = new HostRun(options, deps)
  const onError = (error: unknown) => report(log, messages.collectionFailed, { err: messageOf(error) })
  // the job is recorded first, and never waits for the host: reading the host or asking the agent may take long
  const appendJob = coalesced(() => jobRun.append().catch(onError))
  const collectHost = coalesced(() => host.collect().catch(onError))
  const collect = async () => {
    await appendJob()
    void collectHost()
  }
  running.onNotice(() => void collect())
  for await (const _ of every(clock, { intervalMs: options.intervalMs, offsetMs: 0 }, running.ended)) await collect()
  const deadline = createDeadline(clock, deps.timeoutMs * fractions.delivering, running.cutShort)
  const finishHost = async () => {
    await raceAbort(deadline.signal, collectHost.settled())
    return await host.finish(deadline.signal)
  }
  try {
    await appendJob.settled()
    await jobRun.queue() // before the host's samples in the queue of each output: the result of the job matters most
    const ofHost = finishHost().catch((error: unknown) => {
      onError(error)
      return []
    })
    const results = await Promise.all([jobRun.finish(deadline.signal), ofHost])
    return results.flat()
  } finally {
    deadline.clear()
  }
}

interface Coalesced {
  (): Promise<void>
  /** Resolves when no call is running. */
  settled(): Promise<void>
}

/** Calls of a function that never overlap: all calls while one is running are one call after it. `work` must not reject. */
function coalesced(work: () => Promise<void>): Coalesced {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const call = (): Promise<void> => {
    if (running === undefined) {
      running = work().finally(() => {
        running = undefined
      })
      return running
    }
    next ??= running.then(() => {
      next = undefined
      return call()
    })
    return next
  }
  return Object.assign(call, { settled: async () => void (await (next ?? running)) })
}

/** The run with the metrics of the command itself. */
async function openJobRun(options: ExecPushOptions, { labels: configured, running }: LabelledJob, deps: Deps) {
  const { clock, log } = deps
  const { labels, claim } = await claimSlot(options, configured, log)
  const run = await openBatchRun(jobOptions(options, labels), deps, { sync: 'always' })
  const snapshotOf = jobSnapshots(labelled(options.identity, labels))
  const sampleClock = new SampleClock(clock, log)
  const now = async () => {
    const progress = await running.progress()
    const moment = sampleClock.next()
    return typeof moment === 'number' ? [snapshotOf(progress, moment)] : []
  }
  let hasStarted = false
  return {
    async append() {
      for (const snapshot of await now()) run.append(snapshot)
      if (!hasStarted) run.begin()
      hasStarted = true
    },
    queue: () => run.queue(),
    async finish(deadline: AbortSignal): Promise<readonly DeliveryResult[]> {
      try {
        return await run.finish(async () => ({ snapshots: await now() }), deadline)
      } finally {
        await claim.release()
      }
    },
  }
}

/** Parallel runs of one job would write the same series: every run but the first gets a label `parallel` with a number. */
async function claimSlot(
  options: ExecPushOptions,
  labels: Labels,
  log: Log,
): Promise<{ readonly labels: Labels; readonly claim: Claim }> {
  const scope = { ...options, identity: labelled(options.identity, labels) }
  for (let number = 0; ; number++) {
    const claim = await claimSeries(`job-${number}`, scope, log)
    if ('release' in claim) return { labels: number === 0 ? labels : { ...labels, parallel: `${number}` }, claim }
    report(log, messages.jobClaimed, { parallel: number + 1, pid: claim.pid })
  }
}

/** The options for the job's metrics: a push adds to the group at a Pushgateway and replaces nothing else in it. */
function jobOptions(all: ExecPushOptions, { job: _, ...labels }: Labels): ExecPushOptions {
  const { outputs, identity } = all
  return {
    ...all,
    outputs: outputs.map(({ kind, options }) => ({
      kind,
      options: kind.adding?.(options, labels, identity) ?? options,
    })),
  }
}

/** Pushes the series of the host while no other process does. */
class HostRun {
  readonly #options: ExecPushOptions
  readonly #deps: Deps
  readonly #sampler: HostSampler
  #run: BatchRun | undefined
  #claim: Claim | undefined
  #isClaimReported = false
  #lastMs: number | undefined

  constructor(options: ExecPushOptions, deps: Deps) {
    const { clock, log, protection } = deps
    this.#options = options
    this.#deps = deps
    this.#sampler = openHostSampler(options, {
      clock,
      log,
      protection,
      withinMs: deps.timeoutMs * fractions.collecting,
    })
  }

  async collect(): Promise<void> {
    const isNew = this.#run === undefined
    if (!(await this.#claimSeries())) return
    for (const snapshot of await this.#snapshots()) this.#run?.append(snapshot)
    if (isNew) this.#run?.begin()
  }

  /** Collects once more, ends the series, and delivers. */
  async finish(deadline: AbortSignal): Promise<readonly DeliveryResult[]> {
    try {
      await this.#claimSeries(deadline)
      return (await this.#run?.finish(() => this.#last(), deadline)) ?? []
    } finally {
      await this.#claim?.release()
      this.#sampler.close()
    }
  }

  async #last(): Promise<FinalSnapshots> {
    const snapshots = await this.#snapshots()
    const pushed = snapshots.at(-1)
    if (this.#lastMs === undefined) return { snapshots }
    return { snapshots: [...snapshots, staleEnd(this.#lastMs)], ...(pushed && { pushed }) }
  }

  async #snapshots(): Promise<readonly Snapshot[]> {
    const snapshots = await this.#sampler.collect()
    this.#lastMs = snapshots.at(-1)?.timestampMs ?? this.#lastMs
    return snapshots
  }

  /** True if this process pushes the host's series. Checked at each collection: an agent may have started or another command ended. */
  async #claimSeries(deadline?: AbortSignal): Promise<boolean> {
    const { buffer, identity } = this.#options
    const agent = buffer.mode === 'disk' ? await runningAgent(buffer.directory, deadline) : undefined
    if (agent !== undefined && (!this.#deps.hasOwnInstance || isSameIdentity(agent.identity, identity))) {
      await this.#handOver(agent.pid)
      return false
    }
    if (this.#claim === undefined) {
      const claim = await claimHostSeries(this.#options, this.#deps.log)
      if ('pid' in claim) return this.#leaveTo(claim.pid)
      this.#claim = claim
    }
    this.#run ??= await openBatchRun(this.#options, this.#deps, { sync: 'always', endsSeries: true, isSecond: true })
    return true
  }

  #leaveTo(pid: number | 'unknown'): false {
    if (!this.#isClaimReported) report(this.#deps.log, messages.hostClaimed, { pid })
    this.#isClaimReported = true
    return false
  }

  /** An agent has started and pushes the host's series now: ends the run without stale markers. */
  async #handOver(pid: number): Promise<void> {
    const run = this.#run
    this.#run = undefined
    await this.#claim?.release()
    this.#claim = undefined
    if (run === undefined) return
    report(this.#deps.log, messages.agentTookOver, { pid })
    await run.finish(async () => ({ snapshots: [] }), AbortSignal.abort())
  }
}
