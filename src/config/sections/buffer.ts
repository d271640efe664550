import { type BufferOptions, defaultDirectory } from '../../buffer/index.ts'

import { type ConfiguredOutput, haveBacklog } from '../../output.ts'
import type { Shape } from '../schema/schema.ts'
import { durationMs, sizeBytes } from '../schema/units.ts'

/** The buffer from its block. Without outputs nothing is buffered, without endpoints no directory is insisted on. */
export function bufferOf(
  block: Shape['buffer'],
  outputs: readonly ConfiguredOutput[],
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): BufferOptions {
  // not os.userInfo(), which throws where the user has no name: a container's may be a mere number
  const directory = block?.directory ?? defaultDirectory(environment, process.geteuid?.() ?? 0)
  // outputs without a backlog need no directory: only what a batch command leaves would be there
  const isOfUse = haveBacklog(outputs) || (outputs.length > 0 && directory !== undefined)
  const mode = isOfUse ? (block?.mode ?? 'disk') : 'memory'
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
