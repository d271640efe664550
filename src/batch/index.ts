import { ownershipOf } from '../buffer/disk/chown.ts'
import { diskRemedy } from '../buffer/disk/disk-hints.ts'
import { type BufferOptions, openBuffer } from '../buffer/index.ts'
import type { Sync } from '../buffer/options.ts'
import type { Buffer } from '../buffer/types.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { isSet, timeText } from '../util/clock.ts'
import { messageOf } from '../util/log.ts'
import type { DeliveryResult } from './result.ts'
import { cursorNames } from './routes.ts'
import { createRun, type GatewayGroup, type RunManifest } from './run-log.ts'
import { BatchSession } from './session.ts'
import type { RunConfig, SpoolDeps } from './spool.ts'

/**
 * The life of a batch command's samples: `once`, `push`, `exec`.
 *
 *     const run = await openRun(config, world, { sync })   a log of its own; in memory where there is no place for one
 *     run.begin()                                          only who appends before the end: sends what comes, leftovers first
 *     run.append(snapshot)
 *     const fates = await run.finish(last, deadline)       `last()`, leftovers, its own, each in turn; everything is closed
 *
 * What an output has not taken by the deadline stays in the log, for the agent or the next batch command (leftovers.ts).
 */
export interface RunOptions {
  /** How safe the log is while the command lives: `end` waits for the write, not for the disk; its end is safe anyhow. */
  readonly sync: Sync
  /** Beside another run of the same process: what is wrong with the directory has been said. */
  readonly isSecond?: boolean
  /** Whether a kill leaves host series behind that have to be ended: see `ending`. */
  readonly endsSeries?: boolean
}

export interface BatchRun {
  /** Sends from here on what is appended, to each output that has got what was left before. Returns at once. */
  begin(): void
  /** Takes a snapshot in; one that is not the last goes to the gateways only as long as it is the newest. */
  append(snapshot: Snapshot): void
  /** Takes its place among those that end, which `finish` does where nobody has. */
  queue(): Promise<void>
  /**
   * Asks for the last samples when all who came before have theirs; then, at each output in its turn, delivers what
   * others left and these, until the deadline aborts; then too `last` is called and its samples are kept. Does not reject
   * for anything that an output or a disk does.
   */
  finish(last: () => Promise<FinalSnapshots>, deadline: AbortSignal): Promise<readonly DeliveryResult[]>
}

/** The last samples of a command. */
export interface FinalSnapshots {
  readonly snapshots: readonly Snapshot[]
  /** What the gateways get; the last of the snapshots where it is missing. */
  readonly pushed?: Snapshot
}

export async function openBatchRun(config: RunConfig, given: SpoolDeps, options: RunOptions): Promise<BatchRun> {
  const deps =
    config.buffer.mode === 'disk' ? { ...given, ownership: await ownershipOf(config.buffer.directory) } : given
  const nowMs = deps.clock.now()
  if (!isSet(nowMs) && !options.isSecond)
    deps.log.warn('clock: is not set: samples of this command get a time that receivers refuse, or drop in silence', {
      now: timeText(nowMs),
      hint: 'run it when the clock has been set, as with After=time-sync.target',
    })
  const manifest = { groups: groupsOf(config.pushgateways), isEnded: !options.endsSeries, outputs: cursorNames(config) }
  // one request with type and help of each family would be cut off at the end, or waited for
  const remoteWrite = config.remoteWrite.map((one) => ({ ...one, metadataIntervalMs: 0 }))
  const buffer = await openLog(config.buffer, deps, {
    manifest: manifest,
    sync: options.sync,
    level: options.isSecond ? 'debug' : 'error',
  })
  return new BatchSession({ config: { ...config, remoteWrite }, deps, buffer, manifest })
}

async function openLog(
  options: BufferOptions,
  deps: SpoolDeps,
  { level, ...how }: { readonly manifest: RunManifest; readonly sync: Sync; readonly level: 'error' | 'debug' },
): Promise<Buffer> {
  if (options.mode === 'disk') {
    try {
      return await createRun(options, deps, how)
    } catch (error) {
      const err = messageOf(error)
      const fields = { directory: options.directory, err, hint: diskRemedy(err) }
      deps.log[level]('buffer: the directory cannot be used: what is not delivered is lost', fields)
    }
  }
  return openBuffer({ ...options, mode: 'memory' }, deps)
}

const groupsOf = (gateways: RunConfig['pushgateways']): Readonly<Record<string, GatewayGroup>> =>
  Object.fromEntries(
    gateways.map(({ name, job, groupingKey, method, isWhole = false }) => [
      name,
      { job, groupingKey, method, isWhole },
    ]),
  )
