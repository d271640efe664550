import { type CollectorSetOptions, type HostSampler, openHostSampler, SampleClock } from '../collect/index.ts'

import { isSameIdentity, type Labels, labelled, type Snapshot } from '../metrics/index.ts'

import { type Job, jobSnapshots } from '../process/index.ts'

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

/** A command, and the labels of what is told of it. */
interface RunningJob {
  readonly labels: Labels
  readonly running: Pick<Job, 'progress' | 'ended' | 'cutShort' | 'onNotice'>
}

/** Where `exec` pushes, what it collects of the host, and how often. */
export interface ExecPushOptions extends BatchOptions, CollectorSetOptions {}

interface Deps extends SpoolDeps {
  /** How long the end may take, milliseconds. */
  readonly timeoutMs: number
  /** Whether `instance` is this command's own: then an agent with another one on this host is no matter. */
  readonly hasOwnInstance: boolean
}

/** Of the time that the end may take: what is left behind delivering is for writing down what was not delivered. */
const fractions = { collecting: 0.4, delivering: 0.9 }

/**
 * Pushes what becomes of a command, and of the host while it runs; until it has ended, and then for a bounded time.
 * Those are two runs: the host's series end with the command, the job's stay in view.
 */
export async function pushDuringExec(
  options: ExecPushOptions,
  job: RunningJob,
  deps: Deps,
): Promise<readonly DeliveryResult[]> {
  const { clock, log } = deps
  const { running } = job
  const telling = await openJobRun(options, job, deps)
  const host = new HostRun(options, deps)
  let working = Promise.resolve()
  const collect = () => {
    working = working.then(async () => {
      await host.collect()
      telling.tell()
    })
    return working.catch((error: unknown) => report(log, messages.collectionFailed, { err: messageOf(error) }))
  }
  running.onNotice(() => void collect())
  for await (const _ of every(clock, options.intervalMs, running.ended)) await collect()
  const deadline = createDeadline(clock, deps.timeoutMs * fractions.delivering, running.cutShort)
  try {
    await working.catch(() => {}) // was told
    await telling.queue() // one after the other at each output: how it went matters most
    const results = await Promise.all([telling.finish(deadline.signal), host.finish(deadline.signal)])
    return results.flat()
  } finally {
    deadline.clear()
  }
}

/** What is told of the run itself. */
async function openJobRun(options: ExecPushOptions, { labels: wished, running }: RunningJob, deps: Deps) {
  const { clock, log } = deps
  const { labels, claim } = await claimSlot(options, wished)
  const run = await openBatchRun(jobOptions(options, labels), deps, { sync: 'always' })
  const snapshotOf = jobSnapshots(labelled(options.identity, labels))
  const sampleClock = new SampleClock(clock, log)
  const now = () => {
    const moment = sampleClock.next()
    return typeof moment === 'number' ? [snapshotOf(running.progress(), moment)] : []
  }
  let hasBegun = false
  return {
    tell() {
      for (const snapshot of now()) run.append(snapshot)
      if (!hasBegun) run.begin()
      hasBegun = true
    },
    queue: () => run.queue(),
    async finish(deadline: AbortSignal): Promise<readonly DeliveryResult[]> {
      try {
        return await run.finish(async () => ({ snapshots: now() }), deadline)
      } finally {
        claim.release()
      }
    },
  }
}

/** Runs of one job at the same time would write the same series: all but one of them are told apart by a number. */
async function claimSlot(
  options: ExecPushOptions,
  labels: Labels,
): Promise<{ readonly labels: Labels; readonly claim: Claim }> {
  for (let number = 0; ; number++) {
    const found = await claim(socketName(`job ${number}`, { ...options, identity: labelled(options.identity, labels) }))
    if (found !== undefined)
      return { labels: number === 0 ? labels : { ...labels, parallel: `${number}` }, claim: found }
  }
}

/** The outputs for the samples of the run itself, which replace nothing else at a receiver. */
function jobOptions(options: ExecPushOptions, { job: _, ...labels }: Labels): ExecPushOptions {
  return {
    ...options,
    outputs: options.outputs.map(({ kind, options }) => ({ kind, options: kind.adding?.(options, labels) ?? options })),
  }
}

/** The series of the host: no two processes push them at once. */
class HostRun {
  readonly #options: ExecPushOptions
  readonly #deps: Deps
  readonly #sampler: HostSampler
  #run: BatchRun | undefined
  #claim: Claim | undefined
  #lastMs: number | undefined

  constructor(options: ExecPushOptions, deps: Deps) {
    const { clock, log } = deps
    this.#options = options
    this.#deps = deps
    this.#sampler = openHostSampler(options, { clock, log, withinMs: deps.timeoutMs * fractions.collecting })
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
    const taken = await this.#sampler.collect()
    this.#lastMs = taken.at(-1)?.timestampMs ?? this.#lastMs
    return taken
  }

  /** Whether to push them: nobody else may, be it that one has begun to meanwhile or that another has ended. */
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

  /** An agent has come: the series go on, and are its own from here. */
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
