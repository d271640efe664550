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
}

export interface BufferDeps {
  readonly clock: Clock
  readonly log: Log
  /** Of this boot, as the kernel writes it. */
  readonly bootId: string
  /** Whose samples the owner puts in and where they go, for others on this host who ask. */
  readonly agentInfo?: AgentInfo
  /** The disk, unless a test brings one. */
  readonly files?: FileSystem
  /** Whose the log is to be that root makes. */
  readonly ownership?: Ownership | undefined
}

/** Memory where no disk is used: the bound of a log on disk would be too much for it. */
const memoryBytes = 64 * 1024 * 1024

/** Opens the buffer of an agent. Throws BufferError where another one has the directory, and for nothing else. */
export async function openBuffer(options: BufferOptions, deps: BufferDeps): Promise<Buffer> {
  if (options.mode === 'memory') return new MemoryBuffer(Math.min(options.maxBytes, memoryBytes))
  return openDisk(options, deps, true)
}

/** Opens the log to look into it while nobody owns it: nothing on disk is changed, and an agent may begin meanwhile. */
export function openForReading(
  options: DiskOptions,
  { files = withTimeouts(disk, systemClock), ...deps }: BufferDeps,
): Promise<DiskBuffer> {
  return DiskBuffer.open(options, { ...deps, files: readOnly(files), onMoved: async () => {} })
}

/** Opens the log as its owner, for an agent or for a command that changes it while none runs. */
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
      if (request.command === 'whose') return yield { pid: process.pid, ...deps.agentInfo }
      yield* adminCommands(await opened.promise, isAgent)(request)
    },
    { log, ownership },
  )
  await files.makeDirectory(directory).catch(() => {}) // said by the recovery, which meets it too
  await owner.acquire()
  const onMoved = async () => {
    await files.makeDirectory(directory)
    await owner.acquire()
  }
  const buffer = await DiskBuffer.open(options, { ...deps, files, isAgent, onMoved, onClose: () => owner.close() })
  opened.resolve(buffer)
  return buffer
}
