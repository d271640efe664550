import { type Glance, openGlance } from '../collect/host-sampler.ts'
import { Timeline } from '../collect/sample-clock.ts'
import type { Config } from '../config/index.ts'
import { type Labels, labelled } from '../metrics/family.ts'
import { isSameIdentity } from '../metrics/series.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import type { Job } from '../process/index.ts'
import { courseSnapshots } from '../process/metrics.ts'
import { addedTo } from '../pushgateway/options.ts'
import { every } from '../util/clock.ts'
import { deadlineAt } from '../util/deadline.ts'
import { messageOf } from '../util/log.ts'
import { type Last, openRun, type Run } from './index.ts'
import { type Claim, claim, claimHost, nameOf } from './process-lock.ts'
import type { Fate } from './result.ts'
import { agentIn } from './run-log.ts'
import type { Adopter } from './spool.ts'
import { ending } from './spool-logs.ts'

/** A command, and the labels of what is told of it. */
interface Told {
  readonly labels: Labels
  readonly running: Pick<Job, 'course' | 'ended' | 'hurry' | 'onNotice'>
}

interface Means extends Adopter {
  /** How long the end may take, milliseconds. */
  readonly timeoutMs: number
  /** Whether `instance` is this command's own: then an agent with another one on this host is no matter. */
  readonly hasOwnInstance: boolean
}

/** Of the time that the end may take: what is left behind delivering is for writing down what was not delivered. */
const share = { collecting: 0.4, delivering: 0.9 }

/**
 * Pushes what becomes of a command, and of the host while it runs; until it has ended, and then for a bounded time.
 * Those are two runs: the host's series end with the command, the job's stay in view.
 */
export async function pushAlongside(config: Config, job: Told, means: Means): Promise<readonly Fate[]> {
  const { clock, log } = means
  const { running } = job
  const telling = await openTelling(config, job, means)
  const host = new HostSeries(config, means)
  let working = Promise.resolve()
  const collect = () => {
    working = working.then(async () => {
      await host.collect()
      telling.tell()
    })
    return working.catch((error: unknown) => log.error('exec: collecting failed', { err: messageOf(error) }))
  }
  running.onNotice(() => void collect())
  for await (const _ of every(clock, config.intervalMs, running.ended)) await collect()
  const deadline = deadlineAt(clock, means.timeoutMs * share.delivering, running.hurry)
  try {
    await working.catch(() => {}) // was told
    await telling.queue() // one after the other at each output: how it went matters most
    const fates = await Promise.all([telling.finish(deadline.signal), host.finish(deadline.signal)])
    return fates.flat()
  } finally {
    deadline.over()
  }
}

/** What is told of the run itself. */
async function openTelling(config: Config, { labels: wished, running }: Told, means: Means) {
  const { clock, log } = means
  const { labels, claim } = await slotOf(config, wished)
  const run = await openRun(asTold(config, labels), means, { sync: 'always' })
  const snapshotOf = courseSnapshots(labelled(config.identity, labels))
  const timeline = new Timeline(clock, log)
  const now = () => {
    const moment = timeline.next()
    return typeof moment === 'number' ? [snapshotOf(running.course(), moment)] : []
  }
  let hasBegun = false
  return {
    tell() {
      for (const snapshot of now()) run.append(snapshot)
      if (!hasBegun) run.begin()
      hasBegun = true
    },
    queue: () => run.queue(),
    async finish(deadline: AbortSignal): Promise<readonly Fate[]> {
      try {
        return await run.finish(async () => ({ snapshots: now() }), deadline)
      } finally {
        claim.release()
      }
    },
  }
}

/** Runs of one job at the same time would write the same series: all but one of them are told apart by a number. */
async function slotOf(config: Config, labels: Labels): Promise<{ readonly labels: Labels; readonly claim: Claim }> {
  for (let number = 0; ; number++) {
    const found = await claim(nameOf(`job ${number}`, { ...config, identity: labelled(config.identity, labels) }))
    if (found !== undefined)
      return { labels: number === 0 ? labels : { ...labels, parallel: `${number}` }, claim: found }
  }
}

/** The outputs for what is told of a run: at a gateway it has a group of its own, in which only it is replaced. */
function asTold(config: Config, { job: _, ...labels }: Labels): Config {
  return {
    ...config,
    pushgateways: config.pushgateways.map((one) => ({
      ...addedTo(one, labels),
      intervalMs: 0,
    })),
  }
}

/** The series of the host: no two processes push them at once. */
class HostSeries {
  readonly #config: Config
  readonly #means: Means
  readonly #glance: Glance
  #run: Run | undefined
  #claim: Claim | undefined
  #lastMs: number | undefined

  constructor(config: Config, means: Means) {
    const { clock, log } = means
    this.#config = config
    this.#means = means
    this.#glance = openGlance(config, { clock, log, withinMs: means.timeoutMs * share.collecting })
  }

  async collect(): Promise<void> {
    const isNew = this.#run === undefined
    if (!(await this.#isOurs())) return
    for (const snapshot of await this.#snapshots()) this.#run?.append(snapshot)
    if (isNew) this.#run?.begin()
  }

  /** Collects once more, ends the series, and delivers. */
  async finish(deadline: AbortSignal): Promise<readonly Fate[]> {
    try {
      await this.#isOurs()
      return (await this.#run?.finish(() => this.#last(), deadline)) ?? []
    } finally {
      this.#claim?.release()
      this.#glance.close()
    }
  }

  async #last(): Promise<Last> {
    const snapshots = await this.#snapshots()
    const pushed = snapshots.at(-1)
    if (this.#lastMs === undefined) return { snapshots }
    return { snapshots: [...snapshots, ending(this.#lastMs)], ...(pushed && { pushed }) }
  }

  async #snapshots(): Promise<readonly Snapshot[]> {
    const taken = await this.#glance.take()
    this.#lastMs = taken.at(-1)?.timestampMs ?? this.#lastMs
    return taken
  }

  /** Whether to push them: nobody else may, be it that one has begun to meanwhile or that another has ended. */
  async #isOurs(): Promise<boolean> {
    const { buffer, identity } = this.#config
    const agent = buffer.mode === 'disk' ? await agentIn(buffer.directory) : undefined
    if (agent !== undefined && (!this.#means.hasOwnInstance || isSameIdentity(agent.identity, identity))) {
      await this.#leaveTo(agent.pid)
      return false
    }
    this.#claim ??= await claimHost(this.#config)
    if (this.#claim === undefined) return false
    this.#run ??= await openRun(this.#config, this.#means, { sync: 'always', endsSeries: true, isSecond: true })
    return true
  }

  /** An agent has come: the series go on, and are its own from here. */
  async #leaveTo(pid: number): Promise<void> {
    const run = this.#run
    this.#run = undefined
    this.#claim?.release()
    this.#claim = undefined
    if (run === undefined) return
    this.#means.log.info('exec: an agent pushes the metrics of this host now', { pid })
    await run.finish(async () => ({ snapshots: [] }), AbortSignal.abort())
  }
}
