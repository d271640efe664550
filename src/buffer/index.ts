import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Buffer } from './buffer.ts'
import { DiskBuffer, type DiskOptions } from './disk.ts'
import { disk, type Files } from './files.ts'
import { MemoryBuffer } from './memory.ts'

export interface BufferOptions extends DiskOptions {
  readonly mode: 'disk' | 'memory'
}

export interface BufferNeeds {
  readonly clock: Clock
  readonly log: Log
  readonly bootId: string
  /** The disk, unless a test brings one. */
  readonly files?: Files
}

export async function openBuffer(options: BufferOptions, needs: BufferNeeds): Promise<Buffer> {
  if (options.mode === 'memory') return new MemoryBuffer(options.maxBytes)
  return DiskBuffer.open(options, { files: disk, ...needs, onMoved: async () => {} })
}
