import { cursorNameOf } from '../output.ts'
import type { Clock } from '../util/clock.ts'
import { report } from '../util/log.ts'
import { messages } from './messages.ts'
import { cursorOf, type DeliveryRoute, routesOf } from './routes.ts'
import { isSpooled, type SpooledRun, spooledRuns, stateOfRun } from './run-log.ts'
import { type SpooledLog, SpoolLogs } from './spool-logs.ts'
import type { BatchOptions, Delivered, Dropped, SpoolDeps } from './types.ts'

const timedOut = 'timeout while delivering samples of earlier commands, which are sent first'

/** Logs that are let go at a time: a command adds one or two. */
const maxExpiredLogs = 8

export interface SpoolScope {
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
export class Spool {
  readonly #config: BatchOptions
  readonly #deps: SpoolDeps
  readonly #except: string | undefined
  /** By the name in the log. */
  readonly #routes: ReadonlyMap<string, DeliveryRoute>
  readonly #logs: SpoolLogs
  /** As they were found last. */
  #runs: readonly SpooledRun[] = []

  constructor(config: BatchOptions, deps: SpoolDeps, { except, replaced, onDrop = () => {} }: SpoolScope) {
    const { log } = deps
    this.#config = config
    this.#deps = deps
    this.#except = except
    this.#routes = new Map(routesOf(config.outputs, deps, replaced).map((route) => [route.name, route]))
    this.#logs = new SpoolLogs({
      ...{ deps, options: config.buffer, outputs: config.outputs.map(cursorNameOf) },
      onDrop: (dropped) => {
        const { name, reason, samples } = dropped
        if (reason !== 'rejected') report(log, messages.spoolDropped, { name, reason, samples })
        onDrop(dropped)
      },
    })
  }

  /**
   * Delivers to one output what there is for it, as far as that goes by the deadline. To be called by whose turn it is at
   * that output. What is newer than `beforeMs` waits: the caller has something older to send there.
   */
  async deliver(name: string, deadline: AbortSignal, beforeMs = Number.POSITIVE_INFINITY): Promise<Delivered> {
    const { clock, log } = this.#deps
    const told = { snapshots: 0, problem: undefined as string | undefined }
    const work = async (left: SpooledLog) => {
      if ((left.buffer.newestMs ?? 0) >= beforeMs) return
      const before = backlogOf(left, name)
      told.problem = await this.#routes.get(name)?.deliver(left, deadline)
      told.snapshots += before - backlogOf(left, name)
    }
    this.#runs = await spooledRuns(this.#config.buffer.directory, this.#except)
    for (const { path } of this.#runs.filter((run) => concerns(run, name))) {
      if (told.problem !== undefined) break
      const isTooMuch = deadline.aborted
        ? await isSpooled(path, clock)
        : (await this.#logs.use(path, work, deadline)) === 'busy'
      if (isTooMuch) told.problem = timedOut
    }
    const { snapshots, problem } = told
    if (snapshots > 0) report(log, messages.spoolDelivered, { name, snapshots })
    if (problem !== undefined) report(log, messages.spoolPending, { name, reason: problem })
    return told
  }

  /** What is too old, and the oldest of what is too much, is let go, whoever it waits for, as far as there is time. */
  async expire(deadline: AbortSignal): Promise<void> {
    const { maxBytes, maxAgeMs } = this.#config.buffer
    const runs = this.#runs.filter(({ path }) => !this.#logs.removed.has(path))
    let bytes = 0
    const tooMany = runs.toReversed().filter(({ manifest }) => {
      bytes += manifest.bytes ?? 0
      return bytes > maxBytes
    })
    const old = runs.filter(({ sinceMs }) => sinceMs < this.#deps.clock.now() - maxAgeMs)
    const expire = async ({ buffer }: SpooledLog) => {
      // of an earlier boot its log alone does not know whether the wall clock may be believed
      const skewMs = this.#deps.skewMs?.()
      if (skewMs !== undefined) buffer.confirmTime(this.#deps.clock.now() - skewMs)
      await buffer.expire()
    }
    const work = [
      ...old.slice(0, maxExpiredLogs).map(({ path }) => ({ path, how: expire })),
      ...tooMany
        .slice(-maxExpiredLogs)
        .map(({ path }) => ({ path, how: (left: SpooledLog) => left.buffer.dropAll('max_bytes') })),
    ]
    for (const { path, how } of work) if (!deadline.aborted) await this.#logs.use(path, how)
  }
}

/** Whether there is something for one of these outputs, or to be let go; and what this user may not even look at. */
export async function inspectSpool(
  config: BatchOptions,
  clock: Clock,
): Promise<{ readonly isAny: boolean; readonly forbidden: readonly string[] }> {
  const { directory, maxAgeMs } = config.buffer
  const outputs = config.outputs.map(cursorNameOf)
  const forbidden: string[] = []
  let isAny = false
  for (const run of await spooledRuns(directory)) {
    const isOurs = outputs.some((name) => concerns(run, name)) || run.sinceMs < clock.now() - maxAgeMs
    const state = isOurs ? await stateOfRun(run.path, clock) : 'held'
    if (state === 'forbidden') forbidden.push(run.path)
    isAny ||= state === 'left'
  }
  return { isAny, forbidden }
}

/** Whether an output may have to get some of it; what an older version left does not say. */
const concerns = ({ manifest: { outputs } }: SpooledRun, name: string): boolean => outputs?.includes(name) ?? true

const backlogOf = ({ buffer }: SpooledLog, name: string): number => cursorOf(buffer, name)?.backlog().snapshots ?? 0
