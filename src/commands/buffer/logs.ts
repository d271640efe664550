import { answers } from '../../buffer/control.ts'
import type { DiskBuffer } from '../../buffer/disk.ts'
import { openDisk } from '../../buffer/index.ts'
import { ask, BufferError, type Request } from '../../buffer/owner.ts'
import { isLog, logsIn, removeRun } from '../../buffer/runs.ts'
import { systemClock } from '../../clock.ts'
import type { Terminal } from '../../command.ts'
import type { Config } from '../../config/index.ts'
import { messageOf } from '../../log.ts'
import { logOf } from '../log.ts'

/** A log of snapshots in the directory of a buffer: the agent's own, or one of those that commands keep beside it. */
export interface Place {
  readonly directory: string
  readonly isRun: boolean
}

/** Every log that there is. Throws where the directory is not there, or may not be looked into. */
export async function placesIn(directory: string): Promise<readonly Place[]> {
  try {
    const { own, runs } = await logsIn(directory)
    return [...(own ? [{ directory, isRun: false }] : []), ...runs.map((run) => ({ directory: run, isRun: true }))]
  } catch (error) {
    throw new Error(`buffer: ${directory} cannot be looked into: ${explained(error)}`)
  }
}

/** What is needed to open a log. */
export interface Means {
  readonly config: Config
  readonly terminal: Terminal
}

/** Asks whoever has the log; where nobody does, opens it as its owner for that long. */
export async function* answerOf(place: Place, request: Request, means: Means): AsyncGenerator<unknown> {
  for (;;) {
    const running = await ask(place.directory, request)
    if (running !== undefined) return yield* running
    if (place.isRun && !(await isLog(place.directory))) return // it is delivered, and gone
    const buffer = await opened(place, means)
    if (buffer !== undefined) return yield* answerFrom(buffer, place, request)
  }
}

/** Undefined where somebody else was faster. */
async function opened({ directory, isRun }: Place, { config, terminal }: Means): Promise<DiskBuffer | undefined> {
  const needs = { clock: systemClock, log: logOf(config, terminal), bootId: '' }
  try {
    const buffer = await openDisk({ ...config.buffer, directory, ...(isRun && { sync: 'end' }) }, needs, false)
    if (!isRun)
      for (const { name, choice } of config.remoteWrite) buffer.cursors.find((one) => one.name === name)?.choose(choice)
    return buffer
  } catch (error) {
    if (error instanceof BufferError) return undefined
    throw error
  }
}

async function* answerFrom(buffer: DiskBuffer, { isRun }: Place, request: Request): AsyncGenerator<unknown> {
  try {
    yield* answers(buffer, false)(request)
  } finally {
    const isOver = isRun && request.command === 'drop' && request['isDry'] !== true && !hasMore(buffer)
    if (isOver) await removeRun(buffer)
    else await buffer.close()
  }
}

const hasMore = ({ cursors }: DiskBuffer) => cursors.some((cursor) => cursor.backlog().snapshots > 0)

function explained(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'it is not there (--config.file or --directory names the one that the agent has)'
  if (code === 'ENOTDIR') return 'it is no directory (--config.file or --directory names the one that the agent has)'
  if (code === 'EACCES' || code === 'EPERM') return "this user may not: run it as the agent's user, or as root"
  return messageOf(error)
}
