import type { BufferNeeds } from '../buffer/index.ts'
import type { DropReason } from '../buffer/types.ts'
import type { Config } from '../config/index.ts'
import type { Clock } from '../util/clock.ts'
import type { Pushing } from './open-outputs.ts'
import { cursorIn, type Lane, lanesOf, outputsOf } from './routes.ts'
import { isLeft, type LeftRun, runsLeftIn, standingOf } from './run-log.ts'
import { type Left, LeftLogs } from './spool-logs.ts'

const tooMuch = 'what earlier commands have left comes first, and took all the time'

/** Logs that are let go at a time: a command adds one or two. */
const mostLetGo = 8

export type RunConfig = Pick<Config, 'buffer' | 'remoteWrite' | 'pushgateways'>

/** What is needed to send from a log. */
export interface Adopter extends Pushing, BufferNeeds {
  /** How far this host's clock is ahead of a receiver's, milliseconds, where one has told its time. */
  readonly skewMs?: () => number | undefined
}

/** What an output got of it. */
export interface Delivered {
  readonly snapshots: number
  /** Why it has not got all; undefined where it has. */
  readonly trouble: string | undefined
}

/** Samples that will never be delivered, by the name of the output in the log. */
export interface Dropped {
  readonly name: string
  readonly reason: DropReason
  readonly samples: number
}

export interface Terms {
  /** A run that is not to be looked at: one's own. */
  readonly except?: string
  /** URLs of groups that get something newer at once, in the place of what they have. */
  readonly replaced: ReadonlySet<string>
  readonly onDrop?: (dropped: Dropped) => void
}

/**
 * What batch commands have left in the directory, for the outputs of the same name, under the labels it was taken with:
 * each output gets it on its own, oldest first, so that one that is away holds up no other. What every output is past is
 * deleted. A Pushgateway gets the last snapshot of each run into the group of that run, unless the group is one of those
 * that are `replaced`.
 */
export class Leftovers {
  readonly #config: RunConfig
  readonly #adopter: Adopter
  readonly #except: string | undefined
  /** By the name in the log. */
  readonly #lanes: ReadonlyMap<string, Lane>
  readonly #logs: LeftLogs
  /** As they were found last. */
  #runs: readonly LeftRun[] = []

  constructor(config: RunConfig, adopter: Adopter, { except, replaced, onDrop = () => {} }: Terms) {
    const { log } = adopter
    this.#config = config
    this.#adopter = adopter
    this.#except = except
    this.#lanes = new Map(lanesOf(config, adopter, replaced).map((lane) => [lane.name, lane]))
    this.#logs = new LeftLogs({
      ...{ adopter, options: config.buffer, outputs: outputsOf(config) },
      onDrop: (dropped) => {
        const { name, reason, samples } = dropped
        if (reason !== 'rejected')
          log.error('runs: samples that earlier commands had left are lost', { name, reason, samples })
        onDrop(dropped)
      },
    })
  }

  /**
   * Delivers to one output what there is for it, as far as that goes by the deadline. To be called by whose turn it is at
   * that output. What is newer than `beforeMs` waits: the caller has something older to send there.
   */
  async deliver(name: string, deadline: AbortSignal, beforeMs = Number.POSITIVE_INFINITY): Promise<Delivered> {
    const { clock, log } = this.#adopter
    const told = { snapshots: 0, trouble: undefined as string | undefined }
    const work = async (left: Left) => {
      if ((left.buffer.newestMs ?? 0) >= beforeMs) return
      const before = backlogOf(left, name)
      told.trouble = await this.#lanes.get(name)?.deliver(left, deadline)
      told.snapshots += before - backlogOf(left, name)
    }
    this.#runs = await runsLeftIn(this.#config.buffer.directory, this.#except)
    for (const { path } of this.#runs.filter((run) => concerns(run, name))) {
      if (told.trouble !== undefined) break
      const isTooMuch = deadline.aborted
        ? await isLeft(path, clock)
        : (await this.#logs.use(path, work, deadline)) === 'busy'
      if (isTooMuch) told.trouble = tooMuch
    }
    const { snapshots, trouble } = told
    if (snapshots > 0) log.info('runs: what earlier commands had left is delivered', { name, snapshots })
    if (trouble !== undefined) log.debug('runs: what earlier commands have left still waits', { name, reason: trouble })
    return told
  }

  /** What is too old, and the oldest of what is too much, is let go, whoever it waits for, as far as there is time. */
  async letGo(deadline: AbortSignal): Promise<void> {
    const { maxBytes, maxAgeMs } = this.#config.buffer
    const runs = this.#runs.filter(({ path }) => !this.#logs.removed.has(path))
    let bytes = 0
    const tooMany = runs.toReversed().filter(({ about }) => {
      bytes += about.bytes ?? 0
      return bytes > maxBytes
    })
    const old = runs.filter(({ sinceMs }) => sinceMs < this.#adopter.clock.now() - maxAgeMs)
    const expire = async ({ buffer }: Left) => {
      // of an earlier boot its log alone does not know whether the wall clock may be believed
      const skewMs = this.#adopter.skewMs?.()
      if (skewMs !== undefined) buffer.confirmTime(this.#adopter.clock.now() - skewMs)
      await buffer.expire()
    }
    const work = [
      ...old.slice(0, mostLetGo).map(({ path }) => ({ path, how: expire })),
      ...tooMany.slice(-mostLetGo).map(({ path }) => ({ path, how: (left: Left) => left.buffer.giveUp('max_bytes') })),
    ]
    for (const { path, how } of work) if (!deadline.aborted) await this.#logs.use(path, how)
  }
}

/** Whether there is something for one of these outputs, or to be let go; and what this user may not even look at. */
export async function whatIsLeft(
  config: RunConfig,
  clock: Clock,
): Promise<{ readonly isAny: boolean; readonly forbidden: readonly string[] }> {
  const { directory, maxAgeMs } = config.buffer
  const outputs = outputsOf(config)
  const forbidden: string[] = []
  let isAny = false
  for (const run of await runsLeftIn(directory)) {
    const isOurs = outputs.some((name) => concerns(run, name)) || run.sinceMs < clock.now() - maxAgeMs
    const standing = isOurs ? await standingOf(run.path, clock) : 'held'
    if (standing === 'forbidden') forbidden.push(run.path)
    isAny ||= standing === 'left'
  }
  return { isAny, forbidden }
}

/** Whether an output may have to get some of it; what an older version left does not say. */
const concerns = ({ about: { outputs } }: LeftRun, name: string): boolean => outputs?.includes(name) ?? true

const backlogOf = ({ buffer }: Left, name: string): number => cursorIn(buffer, name)?.backlog().snapshots ?? 0
