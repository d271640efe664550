import { cursorNameOf } from '../output.ts'
import type { Clock } from '../util/clock.ts'
import { report } from '../util/log.ts'
import { messages } from './messages.ts'
import { cursorOf, type DeliveryRoute, routesOf } from './routes.ts'
import { isSpooled, type SpooledRun, spooledRuns, stateOfRun } from './run-log.ts'
import { type SpooledLog, SpoolLogs } from './spool-logs.ts'
import type { BatchOptions, Delivered, Dropped, SpoolDeps } from './types.ts'

const timedOut = 'timeout while delivering samples of earlier commands, which are sent first'

/** Maximum number of logs that one call of `expire` drops. A command adds one or two. */
const maxExpiredLogs = 8

export interface SpoolScope {
  /** Directory of a run to skip: the caller's own. */
  readonly except?: string
  /** Groups at Pushgateways that the caller overwrites right after this: spooled samples for them are not pushed. */
  readonly replaced: ReadonlySet<string>
  readonly onDrop?: (dropped: Dropped) => void
}

/**
 * The undelivered logs of batch commands in a buffer directory. Each output gets the samples of the outputs with its name,
 * with the labels they were collected with, oldest first, independently of the other outputs. A log without a backlog is
 * deleted. A Pushgateway gets only the last snapshot of each run, in the group of that run, unless the group is in
 * `replaced`.
 */
export class Spool {
  readonly #config: BatchOptions
  readonly #deps: SpoolDeps
  readonly #except: string | undefined
  /** Routes by the output's name in the log. */
  readonly #routes: ReadonlyMap<string, DeliveryRoute>
  readonly #logs: SpoolLogs
  /** The logs that the last `deliver` found. */
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
   * Delivers the spool to one output until the deadline. The caller must be first in the queue of that output. Logs that
   * are newer than `beforeMs` are skipped, because the caller has older samples for that output.
   */
  async deliver(name: string, deadline: AbortSignal, beforeMs = Number.POSITIVE_INFINITY): Promise<Delivered> {
    const { clock, log } = this.#deps
    const result: { snapshots: number; problem: string | undefined } = { snapshots: 0, problem: undefined }
    const work = async (left: SpooledLog) => {
      if ((left.buffer.newestMs ?? 0) >= beforeMs) return
      const before = backlogOf(left, name)
      result.problem = await this.#routes.get(name)?.deliver(left, deadline)
      result.snapshots += before - backlogOf(left, name)
    }
    this.#runs = await spooledRuns(this.#config.buffer.directory, this.#except)
    for (const { path } of this.#runs.filter((run) => concerns(run, name))) {
      if (result.problem !== undefined) break
      const isTooMuch = deadline.aborted
        ? await isSpooled(path, clock)
        : (await this.#logs.use(path, work, deadline)) === 'busy'
      if (isTooMuch) result.problem = timedOut
    }
    const { snapshots, problem } = result
    if (snapshots > 0) report(log, messages.spoolDelivered, { name, snapshots })
    if (problem !== undefined) report(log, messages.spoolPending, { name, reason: problem })
    return result
  }

  /** Drops samples that are older than `max_age`, and the oldest logs above `max_bytes`, until the deadline. */
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
      // a log of an earlier boot cannot verify the wall clock itself
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

/** `isAny`: there are logs to deliver or to expire. `forbidden`: directories of logs that this user may not read. */
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

/** Whether a log may have a backlog for an output. Manifests of older versions do not list the outputs. */
const concerns = ({ manifest: { outputs } }: SpooledRun, name: string): boolean => outputs?.includes(name) ?? true

const backlogOf = ({ buffer }: SpooledLog, name: string): number => cursorOf(buffer, name)?.backlog().snapshots ?? 0
