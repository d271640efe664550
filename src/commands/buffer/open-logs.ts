import { isLog, logsIn, removeClosed } from '../../batch/index.ts'
import {
  adminCommands,
  ask,
  type BufferDeps,
  BufferError,
  type DiskBuffer,
  type DiskOptions,
  openDisk,
  openForReading,
  type Request,
  UnsupportedVersion,
} from '../../buffer/index.ts'

import type { Config } from '../../config/index.ts'
import { cursorNameOf } from '../../output.ts'
import { systemClock } from '../../util/clock.ts'
import { messageOf } from '../../util/log.ts'
import type { Terminal } from '../command.ts'
import { logOf } from '../logger.ts'

/** A log of snapshots in a buffer directory: that of the agent, or one of a batch command in the spool. */
export interface LogDirectory {
  readonly directory: string
  readonly isRun: boolean
}

/** Every log in a buffer directory. Throws if the directory does not exist or cannot be read. */
export async function logDirectories(directory: string): Promise<readonly LogDirectory[]> {
  try {
    const { own, runs } = await logsIn(directory)
    return [...(own ? [{ directory, isRun: false }] : []), ...runs.map((run) => ({ directory: run, isRun: true }))]
  } catch (error) {
    throw new Error(`buffer: cannot read ${directory}: ${explained(error)}`)
  }
}

/** Dependencies for opening a log. */
export interface Deps {
  readonly config: Config
  readonly terminal: Terminal
  /** Directories with another format version, which are already reported. */
  readonly refused: Set<string>
}

/**
 * Sends a request to the process that owns the log. Without one, opens the log: read-only, or as its owner for a change.
 * A log of another format version is reported once and answers nothing.
 */
export async function* answerOf(place: LogDirectory, request: Request, deps: Deps): AsyncGenerator<unknown> {
  try {
    yield* openedAnswer(place, request, deps)
  } catch (error) {
    if (!(error instanceof UnsupportedVersion)) throw error
    if (!deps.refused.has(place.directory)) deps.terminal.err(`hostpush: ${error.message}\n`)
    deps.refused.add(place.directory)
  }
}

async function* openedAnswer(place: LogDirectory, request: Request, deps: Deps): AsyncGenerator<unknown> {
  const isChange = request.command === 'drop' && request['isDry'] !== true
  for (;;) {
    const running = await ask(place.directory, request)
    if (running !== undefined) return yield* running
    if (place.isRun && !(await isLog(place.directory))) return // delivered meanwhile: the log is deleted
    if (!isChange) return yield* readOnly(place, request, deps)
    const outcome = await changeable(place, request, deps)
    if (outcome === undefined) continue // another process opened it first: ask that one
    if (outcome.isOver) await removeClosed(place.directory)
    return yield* outcome.answer
  }
}

async function* readOnly(place: LogDirectory, request: Request, deps: Deps): AsyncGenerator<unknown> {
  const buffer = await openForReading(...opening(place, deps))
  chooseAll(buffer, place, deps)
  try {
    yield* adminCommands(buffer, false)(request)
  } finally {
    await buffer.close()
  }
}

/** Undefined if another process has the log open. */
async function changeable(place: LogDirectory, request: Request, deps: Deps) {
  try {
    const buffer = await openDisk(...opening(place, deps), false)
    chooseAll(buffer, place, deps)
    try {
      const answer = await Array.fromAsync(adminCommands(buffer, false)(request))
      return { answer, isOver: place.isRun && !hasMore(buffer) }
    } finally {
      if (place.isRun && !hasMore(buffer)) await buffer.abandon()
      else await buffer.close()
    }
  } catch (error) {
    if (error instanceof BufferError) return undefined
    throw error
  }
}

function opening({ directory, isRun }: LogDirectory, { config, terminal }: Deps): [DiskOptions, BufferDeps] {
  const deps = { clock: systemClock, log: logOf(config, terminal), bootId: '' }
  return [{ ...config.buffer, directory, ...(isRun && { sync: 'end' as const }) }, deps]
}

/** Only the configuration knows which snapshots an endpoint with its own interval reads. */
function chooseAll(buffer: DiskBuffer, { isRun }: LogDirectory, { config }: Deps): void {
  if (isRun) return
  for (const configured of config.outputs) {
    const name = cursorNameOf(configured)
    buffer.cursors.find((one) => one.name === name)?.setSampling(configured.options.sampling)
  }
}

const hasMore = ({ cursors }: DiskBuffer) => cursors.some((cursor) => cursor.backlog().snapshots > 0)

function explained(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'no such directory; use --config.file or --directory for the directory of the agent'
  if (code === 'ENOTDIR') return 'not a directory; use --config.file or --directory for the directory of the agent'
  if (code === 'EACCES' || code === 'EPERM')
    return 'permission denied; run this command as the user of the agent, or as root'
  return messageOf(error)
}
