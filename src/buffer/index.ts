import type { Labels } from '../metrics/index.ts'
import { type Clock, systemClock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import { adminCommands } from './admin/commands.ts'
import { diskIn, type FileSystem, readOnly } from './disk/filesystem.ts'
import { withTimeouts } from './disk/timeouts.ts'
import { DiskBuffer } from './disk-buffer.ts'
import { BufferLock } from './lock/lockfile.ts'
import { MemoryBuffer } from './memory-buffer.ts'
import { messages } from './messages.ts'
import type { DiskOptions } from './options.ts'

import { rootOf } from './paths.ts'
import { UnsupportedVersion } from './recovery/unsupported-version.ts'

import type { Buffer } from './types.ts'

export {
  adminCommands,
  type BufferRow,
  type DeadLetterRow,
  type DropRow,
  type EndpointRow,
  type Row,
} from './admin/commands.ts'
export { exportFormats, type Format } from './admin/export.ts'
export { diskRemedy, foreignRemedy } from './disk/disk-hints.ts'
export { diskIn, type FileSystem, isForbidden, opened } from './disk/filesystem.ts'
export { type DirectoryOwner, foreignOwnerOf } from './disk/owner.ts'
export { makeDirectory, namesIn, removeDirectory, within } from './disk/safe-path.ts'
export { DiskBuffer } from './disk-buffer.ts'
export { type Claim, claimForUser, claimIn, type Holder } from './lock/claim.ts'
export { enterQueue, type QueueTicket } from './lock/fifo-queue.ts'
export { ask, BufferError, NoAnswer, ownerOf, type Request } from './lock/lockfile.ts'
export { deadLetterDirectory } from './log/dead-letters.ts'
export { MemoryBuffer } from './memory-buffer.ts'
export { bytesOf, tailBytes } from './memory-tail.ts'
export { countDropped, familiesOf } from './metrics.ts'
export type { DiskOptions, Sync } from './options.ts'

export { defaultDirectory, newId, rootOf, runsIn, turns, turnsIn } from './paths.ts'
export { UnsupportedVersion } from './recovery/unsupported-version.ts'

export { includes, type SamplingRule } from './sampling.ts'
export type {
  Backlog,
  Buffer,
  BufferStats,
  Cursor,
  DeliveryVerdict,
  DropReason,
  Entry,
  InFlightRange,
} from './types.ts'

export interface BufferOptions extends DiskOptions {
  readonly mode: 'disk' | 'memory'
}

export interface AgentInfo {
  readonly identity: Labels
  /** The URLs of the endpoints, as they may be shown. */
  readonly urls: readonly string[]
  /** The current state of the endpoints. */
  readonly endpoints?: readonly EndpointInfo[]
}

/** What the running agent knows about an endpoint. */
export interface EndpointInfo {
  /** Its name in the buffer. */
  readonly endpoint: string
  /** Why it delivers nothing, or not everything. */
  readonly problem?: string | undefined
  readonly acceptance?: string | undefined
}

export interface BufferDeps {
  readonly clock: Clock
  readonly log: Log
  /** The UUID in /proc/sys/kernel/random/boot_id. */
  readonly bootId: string
  /** Identity and destinations of this agent, which the control channel reports to other processes on the host. */
  readonly agentInfo?: AgentInfo
  /** Offset of the schedule for a new log, a fraction of the interval from 0 to 1. Default: 0. */
  readonly offset?: number
  /** Saves rejected samples that are only in memory, before the control channel lists or exports them. */
  readonly saveDeadLetters?: () => Promise<void>
  /** Default: the disk. */
  readonly files?: FileSystem
}

/** Upper limit of `max_bytes` in memory mode: the default for a disk is too large for memory. */
const memoryBytes = 64 * 1024 * 1024

/**
 * Opens the buffer of an agent. Throws only BufferError, if another process owns the directory; other errors are logged.
 * If the directory has another format version, nothing in it is changed and the buffer is in memory.
 */
export async function openBuffer(options: BufferOptions, deps: BufferDeps): Promise<Buffer> {
  const { offset } = deps
  const inMemory = () => new MemoryBuffer(Math.min(options.maxBytes, memoryBytes), { offset })
  if (options.mode === 'memory') return inMemory()
  try {
    return await openDisk(options, deps, true)
  } catch (error) {
    if (!(error instanceof UnsupportedVersion)) throw error
    report(deps.log, messages.unsupportedVersion, { err: error.message })
    return inMemory()
  }
}

/** Opens the log read-only while no process owns it. Nothing on disk changes, and an agent may start meanwhile. */
export function openForReading(
  options: DiskOptions,
  { files = withTimeouts(diskIn(rootOf(options.directory)), systemClock), ...deps }: BufferDeps,
): Promise<DiskBuffer> {
  return DiskBuffer.open(options, { ...deps, files: readOnly(files), onMoved: async () => {} })
}

/**
 * Opens the log as its owner, for an agent, or for a command that changes the log while no agent runs. Throws BufferError
 * if another process owns it, UnsupportedVersion if it has another format version.
 */
export async function openDisk(
  options: DiskOptions,
  { files = withTimeouts(diskIn(rootOf(options.directory)), systemClock), ...deps }: BufferDeps,
  isAgent: boolean,
): Promise<DiskBuffer> {
  const { directory } = options
  const { log } = deps
  const opened = Promise.withResolvers<DiskBuffer>()
  const owner = new BufferLock(
    directory,
    async function* (request) {
      if (request.command === 'agent-info') return yield { pid: process.pid, ...deps.agentInfo }
      await deps.saveDeadLetters?.()
      yield* adminCommands(await opened.promise, isAgent)(request)
    },
    { log },
  )
  await files.makeDirectory(directory).catch(() => {}) // openLog meets the same error and reports it
  await owner.acquire()
  const onMoved = async () => {
    await files.makeDirectory(directory)
    await owner.acquire()
  }
  const onClose = () => owner.close()
  try {
    const buffer = await DiskBuffer.open(options, { ...deps, files, onMoved, onClose })
    opened.resolve(buffer)
    return buffer
  } catch (error) {
    opened.promise.catch(() => {}) // a request that has arrived meanwhile fails with the same error
    opened.reject(error)
    await onClose()
    throw error
  }
}
