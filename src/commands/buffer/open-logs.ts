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
} from '../../buffer/index.ts'

import type { Config } from '../../config/index.ts'
import { cursorNameOf } from '../../output.ts'
import { systemClock } from '../../util/clock.ts'
import { messageOf } from '../../util/log.ts'
import type { Terminal } from '../command.ts'
import { logOf } from '../logger.ts'
import { runAsOwner } from './drop-privileges.ts'

/** A log of snapshots in the directory of a buffer: the agent's own, or one of those that commands keep beside it. */
export interface LogDirectory {
  readonly directory: string
  readonly isRun: boolean
}

/** Every log that there is. Throws where the directory is not there, or may not be looked into. */
export async function logDirectories(directory: string): Promise<readonly LogDirectory[]> {
  try {
    const { own, runs } = await logsIn(directory)
    return [...(own ? [{ directory, isRun: false }] : []), ...runs.map((run) => ({ directory: run, isRun: true }))]
  } catch (error) {
    throw new Error(`buffer: ${directory} cannot be looked into: ${explained(error)}`)
  }
}

/** What is needed to open a log. */
export interface Deps {
  readonly config: Config
  readonly terminal: Terminal
}

/** Asks whoever has the log; where nobody does, looks into it, or changes it as its owner for that long. */
export async function* answerOf(place: LogDirectory, request: Request, deps: Deps): AsyncGenerator<unknown> {
  const isChange = request.command === 'drop' && request['isDry'] !== true
  for (;;) {
    const running = await ask(place.directory, request)
    if (running !== undefined) return yield* running
    if (place.isRun && !(await isLog(place.directory))) return // it is delivered, and gone
    if (!isChange) return yield* readOnly(place, request, deps)
    const outcome = await runAsOwner(place.directory, () => changeable(place, request, deps))
    if (outcome === undefined) continue // somebody else was faster
    if (outcome.isOver) await removeClosed(place.directory)
    return yield* outcome.answer
  }
}

async function* readOnly(place: LogDirectory, request: Request, deps: Deps): AsyncGenerator<unknown> {
  const buffer = await openForReading(...opening(place, deps))
  chooseAll(buffer, place, deps)
  if (buffer.unreadable.length > 0 && request.command === 'export')
    deps.terminal.err(`hostpush: ${place.directory}: a newer version wrote some of it, and has to export that\n`)
  try {
    yield* adminCommands(buffer, false)(request)
  } finally {
    await buffer.close()
  }
}

/** Undefined where somebody else has the log. */
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

/** What an endpoint with an interval of its own takes is known from the configuration alone. */
function chooseAll(buffer: DiskBuffer, { isRun }: LogDirectory, { config }: Deps): void {
  if (isRun) return
  for (const configured of config.outputs) {
    const name = cursorNameOf(configured)
    buffer.cursors.find((one) => one.name === name)?.setSampling(configured.options.sampling)
  }
}

const hasMore = ({ cursors, unreadable }: DiskBuffer) =>
  unreadable.length > 0 || cursors.some((cursor) => cursor.backlog().snapshots > 0)

function explained(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'it is not there (--config.file or --directory names the one that the agent has)'
  if (code === 'ENOTDIR') return 'it is no directory (--config.file or --directory names the one that the agent has)'
  if (code === 'EACCES' || code === 'EPERM') return "this user may not: run it as the agent's user, or as root"
  return messageOf(error)
}
