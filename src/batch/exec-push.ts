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
import { createDeadline } from '../util/deadline.ts'
import { messageOf, report } from '../util/log.ts'
import { messages } from './messages.ts'
import { openBatchRun } from './open-run.ts'
import { type Claim, claim, claimHostSeries, socketName } from './process-lock.ts'
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
  let working = Promise.resolve()
  const collect = () => {
    working = working.then(async () => {
      await host.collect()
      await jobRun.append()
    })
    return working.catch((error: unknown) => report(log, messages.collectionFailed, { err: messageOf(error) }))
  }
  running.onNotice(() => void collect())
  for await (const _ of every(clock, { intervalMs: options.intervalMs, offsetMs: 0 }, running.ended)) await collect()
  const deadline = createDeadline(clock, deps.timeoutMs * fractions.delivering, running.cutShort)
  try {
    await working.catch(() => {}) // already logged
    await jobRun.queue() // before the host's samples in the queue of each output: the result of the job matters most
    const results = await Promise.all([jobRun.finish(deadline.signal), host.finish(deadline.signal)])
    return results.flat()
  } finally {
    deadline.clear()
  }
}

/** The run with the metrics of the command itself. */
async function openJobRun(options: ExecPushOptions, { labels: configured, running }: LabelledJob, deps: Deps) {
  const { clock, log } = deps
  const { labels, claim } = await claimSlot(options, configured)
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
        claim.release()
      }
    },
  }
}

/** Parallel runs of one job would write the same series: every run but the first gets a label `parallel` with a number. */
async function claimSlot(
  options: ExecPushOptions,
  labels: Labels,
): Promise<{ readonly labels: Labels; readonly claim: Claim }> {
  for (let number = 0; ; number++) {
    const slot = await claim(socketName(`job ${number}`, { ...options, identity: labelled(options.identity, labels) }))
    if (slot !== undefined) return { labels: number === 0 ? labels : { ...labels, parallel: `${number}` }, claim: slot }
  }
}

/** The options for the job's metrics: a push adds to the group at a Pushgateway and replaces nothing else in it. */
function jobOptions(options: ExecPushOptions, { job: _, ...labels }: Labels): ExecPushOptions {
  return {
    ...options,
    outputs: options.outputs.map(({ kind, options }) => ({ kind, options: kind.adding?.(options, labels) ?? options })),
  }
}

/** Pushes the series of the host while no other process does. */
class HostRun {
  readonly #options: ExecPushOptions
  readonly #deps: Deps
  readonly #sampler: HostSampler
  #run: BatchRun | undefined
  #claim: Claim | undefined
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
      await this.#claimSeries()
      return (await this.#run?.finish(() => this.#last(), deadline)) ?? []
    } finally {
      this.#claim?.release()
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
  async #claimSeries(): Promise<boolean> {
    const { buffer, identity } = this.#options
    const agent = buffer.mode === 'disk' ? await runningAgent(buffer.directory) : undefined
    if (agent !== undefined && (!this.#deps.hasOwnInstance || isSameIdentity(agent.identity, identity))) {
      await this.#handOver(agent.pid)
      return false
    }
    this.#claim ??= await claimHostSeries(this.#options)
    if (this.#claim === undefined) return false
    this.#run ??= await openBatchRun(this.#options, this.#deps, { sync: 'always', endsSeries: true, isSecond: true })
    return true
  }

  /** An agent has started and pushes the host's series now: ends the run without stale markers. */
  async #handOver(pid: number): Promise<void> {
    const run = this.#run
    this.#run = undefined
    this.#claim?.release()
    this.#claim = undefined
    if (run === undefined) return
    report(this.#deps.log, messages.agentTookOver, { pid })
    await run.finish(async () => ({ snapshots: [] }), AbortSignal.abort())
  }
}
