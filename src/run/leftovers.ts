import type { DropReason } from '../buffer/buffer.ts'
import type { BufferNeeds } from '../buffer/index.ts'
import { isLeft, type LeftRun, runsLeftIn } from '../buffer/runs.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import type { Log } from '../log.ts'
import type { Pushing } from '../outputs.ts'
import { cursorIn, type Lane, lanesOf, outputsOf } from './lanes.ts'
import { type Left, LeftLogs } from './left-logs.ts'

const tooMuch = 'what earlier commands have left comes first, and took all the time'

/** Logs that are let go at a time: a command adds one or two. */
const mostLetGo = 8

export type RunConfig = Pick<Config, 'buffer' | 'remoteWrite' | 'pushgateways'>

/** What is needed to send from a log. */
export type Adopter = Pushing & BufferNeeds

/** What has become of leftovers. */
export interface Adopted {
  /** Runs of which nothing is left. */
  readonly runs: number
  /** Snapshots that were delivered, at each output that has them. */
  readonly snapshots: number
  /** By the name in the log, the outputs that have not got all, and why. */
  readonly waiting: ReadonlyMap<string, string>
  /** Samples that will never be delivered, by the name in the log. */
  readonly dropped: readonly Dropped[]
}

export interface Dropped {
  readonly name: string
  readonly reason: DropReason
  readonly samples: number
}

export interface Terms {
  readonly deadline: AbortSignal
  /** A run that is not to be looked at: one's own. */
  readonly except?: string
  /** URLs of groups that get something newer at once, in the place of what they have. */
  readonly replaced: ReadonlySet<string>
  /** An output, by its name in the log, has got all that was left, while others may be at it still. */
  readonly onClear?: (name: string) => Promise<void>
}

/**
 * Delivers what batch commands have left in the directory to the outputs of the same name, under the labels it was taken
 * with: to each output on its own, oldest first, so that one that is away holds up no other. What every output is past is
 * deleted. To be called by whose turn it is. A Pushgateway gets the last snapshot of each run into the group of that run,
 * unless the group is one of those that are `replaced`.
 */
export async function deliverLeft(config: RunConfig, adopter: Adopter, terms: Terms): Promise<Adopted> {
  const lanes = lanesOf(config, adopter, terms)
  const logs = new LeftLogs({ adopter, options: config.buffer, outputs: outputsOf(config) })
  const runs = await runsLeftIn(config.buffer.directory, terms.except)
  const waiting = new Map<string, string>()
  let snapshots = 0
  const count = async (lane: Lane, left: Left) => {
    const before = backlogOf(left, lane.name)
    const trouble = await lane.deliver(left)
    snapshots += before - backlogOf(left, lane.name)
    return trouble
  }
  const advance = async (lane: Lane): Promise<string | undefined> => {
    for (const { path } of runs.filter((run) => concerns(run, lane.name))) {
      if (terms.deadline.aborted) return tooMuch
      const trouble = await logs.use(path, (left) => count(lane, left))
      if (trouble !== undefined) return trouble
    }
    return undefined
  }
  await Promise.all(
    lanes.map(async (lane) => {
      const trouble = await advance(lane)
      if (trouble === undefined) await terms.onClear?.(lane.name)
      else waiting.set(lane.name, trouble)
    }),
  )
  await letGo(
    runs.filter(({ path }) => !logs.removed.has(path)),
    logs,
    config,
    adopter,
  )
  return { runs: logs.removed.size, snapshots, waiting, dropped: logs.dropped }
}

/** Whether there is something for one of these outputs, or to be let go. */
export async function isAnyLeft(config: RunConfig, clock: Clock): Promise<boolean> {
  const { directory, maxAgeMs } = config.buffer
  const outputs = outputsOf(config)
  for (const run of await runsLeftIn(directory)) {
    const isOurs = outputs.some((name) => concerns(run, name)) || run.sinceMs < clock.now() - maxAgeMs
    if (isOurs && (await isLeft(run.path, clock))) return true
  }
  return false
}

/** Whether an output may have to get some of it; what an older version left does not say. */
const concerns = ({ about: { outputs } }: LeftRun, name: string): boolean => outputs?.includes(name) ?? true

const backlogOf = ({ buffer }: Left, name: string): number => cursorIn(buffer, name)?.backlog().snapshots ?? 0

/** What is too old, and the oldest of what is too much, is let go, whoever it waits for. */
async function letGo(runs: readonly LeftRun[], logs: LeftLogs, { buffer }: RunConfig, { clock }: Adopter) {
  let bytes = 0
  const tooMany = runs.toReversed().filter(({ about }) => {
    bytes += about.bytes ?? 0
    return bytes > buffer.maxBytes
  })
  const old = runs.filter(({ sinceMs }) => sinceMs < clock.now() - buffer.maxAgeMs)
  for (const { path } of old.slice(0, mostLetGo)) await logs.use(path, (left) => left.buffer.expire())
  for (const { path } of tooMany.slice(-mostLetGo)) await logs.use(path, (left) => left.buffer.giveUp('max_bytes'))
}

/** Says what has become of leftovers, where there were any. */
export function told({ runs, snapshots, waiting, dropped }: Adopted, log: Log): void {
  if (snapshots > 0) log.info('runs: what earlier commands had left is delivered', { snapshots, runs })
  for (const [name, reason] of waiting) log.debug('runs: what earlier commands have left still waits', { name, reason })
  for (const { name, reason, samples } of dropped)
    if (reason !== 'rejected')
      log.error('runs: samples that earlier commands had left are lost', { name, reason, samples })
}
