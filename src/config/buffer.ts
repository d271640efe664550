import { userInfo } from 'node:os'
import { defaultDirectory } from '../buffer/directory.ts'
import type { BufferOptions } from '../buffer/index.ts'
import type { Shape } from './shape.ts'
import { durationMs, sizeBytes } from './units.ts'

interface Given {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly hasEndpoints: boolean
}

/** The buffer from its block. Without endpoints nothing is buffered, and no directory is needed. */
export function bufferOf(
  block: Shape['buffer'],
  { environment, hasEndpoints }: Given,
  problems: string[],
): BufferOptions {
  const mode = hasEndpoints ? (block?.mode ?? 'disk') : 'memory'
  const directory = block?.directory ?? defaultDirectory(environment, userInfo().uid)
  if (directory === undefined && mode === 'disk')
    problems.push(
      'buffer.directory: must be named, as this user has no home; or set buffer.mode to "memory" and keep nothing over a restart',
    )
  const sync = block?.sync ?? 'always'
  return {
    mode,
    directory: directory ?? '',
    sync: sync === 'always' || sync === 'never' ? sync : (durationMs(sync) ?? 0),
    maxBytes: sizeBytes(block?.max_bytes ?? '512MiB') ?? 0,
    maxAgeMs: durationMs(block?.max_age ?? '24h') ?? 0,
    minFreeBytes: sizeBytes(block?.min_free ?? '64MiB') ?? 0,
  }
}
