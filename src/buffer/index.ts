import type { Labels } from '../metrics/index.ts'
import { type Clock, systemClock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { adminCommands } from './admin/commands.ts'
import type { Ownership } from './disk/chown.ts'
import { disk, diskAs, type FileSystem, readOnly } from './disk/filesystem.ts'
import { withTimeouts } from './disk/timeouts.ts'
import { DiskBuffer } from './disk-buffer.ts'
import { BufferLock } from './lock/lockfile.ts'
import { MemoryBuffer } from './memory-buffer.ts'
import type { DiskOptions } from './options.ts'
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
export { chownToOwner, type Ownership, ownershipOf } from './disk/chown.ts'
export { diskRemedy, foreignRemedy } from './disk/disk-hints.ts'
export { diskAs, type FileSystem, isForbidden, makeDirectory, opened } from './disk/filesystem.ts'
export { DiskBuffer } from './disk-buffer.ts'
export { enterQueue, type QueueTicket } from './lock/fifo-queue.ts'
export { ask, BufferError, ownerOf, type Request } from './lock/lockfile.ts'
export { deadLetterDirectory } from './log/dead-letters.ts'
export { MemoryBuffer } from './memory-buffer.ts'
export { bytesOf, tailBytes } from './memory-tail.ts'
export { countDropped, familiesOf } from './metrics.ts'
export type { DiskOptions, Sync } from './options.ts'
export { defaultDirectory, newId, runsIn, turns, turnsIn } from './paths.ts'
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
  /** Saves rejected samples that are only in memory, before the control channel lists or exports them. */
  readonly saveDeadLetters?: () => Promise<void>
  /** Default: the disk. */
  readonly files?: FileSystem
  /** Owner to chown new files to when running as root. */
  readonly ownership?: Ownership | undefined
}

/** Upper limit of `max_bytes` in memory mode: the default for a disk is too large for memory. */
const memoryBytes = 64 * 1024 * 1024

/**
 * Opens the buffer of an agent. Throws only BufferError, if another process owns the directory; disk errors are logged.
 */
export async function openBuffer(options: BufferOptions, deps: BufferDeps): Promise<Buffer> {
  if (options.mode === 'memory') return new MemoryBuffer(Math.min(options.maxBytes, memoryBytes))
  return openDisk(options, deps, true)
}

/** Opens the log read-only while no process owns it. Nothing on disk changes, and an agent may start meanwhile. */
export function openForReading(
  options: DiskOptions,
  { files = withTimeouts(disk, systemClock), ...deps }: BufferDeps,
): Promise<DiskBuffer> {
  return DiskBuffer.open(options, { ...deps, files: readOnly(files), onMoved: async () => {} })
}

/** Opens the log as its owner, for an agent, or for a command that changes the log while no agent runs. */
export async function openDisk(
  options: DiskOptions,
  { ownership, files = withTimeouts(diskAs(ownership), systemClock), ...deps }: BufferDeps,
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
    { log, ownership },
  )
  await files.makeDirectory(directory).catch(() => {}) // openLog meets the same error and reports it
  await owner.acquire()
  const onMoved = async () => {
    await files.makeDirectory(directory)
    await owner.acquire()
  }
  const buffer = await DiskBuffer.open(options, { ...deps, files, isAgent, onMoved, onClose: () => owner.close() })
  opened.resolve(buffer)
  return buffer
}
