import { type BufferOptions, defaultDirectory } from '../../buffer/index.ts'

import { type ConfiguredOutput, haveBacklog } from '../../output.ts'
import type { Shape } from '../schema/schema.ts'
import { durationMs, sizeBytes } from '../schema/units.ts'

/** The buffer options. Without outputs nothing is buffered. Without endpoints the directory is optional. */
export function bufferOf(
  block: Shape['buffer'],
  outputs: readonly ConfiguredOutput[],
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): BufferOptions {
  // not os.userInfo(), which throws if the user has no name, as in many containers
  const directory = block?.directory ?? defaultDirectory(environment, process.geteuid?.() ?? 0)
  // for outputs without a backlog the directory only stores undelivered samples of batch commands
  const isUsed = haveBacklog(outputs) || (outputs.length > 0 && directory !== undefined)
  const mode = isUsed ? (block?.mode ?? 'disk') : 'memory'
  if (directory === undefined && mode === 'disk')
    problems.push(
      'buffer.directory: required key is missing, and this user has no home directory for a default. Set it, or set buffer.mode to "memory" (a restart then loses the backlog)',
    )
  const sync = block?.sync ?? 'always'
  return {
    mode,
    directory: directory ?? '',
    sync: sync === 'always' || sync === 'never' ? sync : (durationMs(sync) ?? 0),
    maxBytes: sizeBytes(block?.max_bytes ?? '512MiB') ?? 0,
    maxAgeMs: durationMs(block?.max_age ?? '24h') ?? 0,
    minFreeBytes: sizeBytes(block?.min_free ?? '64MiB') ?? 0,
    keep: {
      maxAgeMs: durationMs(block?.keep?.max_age ?? '24h') ?? 0,
      maxBytes: sizeBytes(block?.keep?.max_bytes ?? '64MiB') ?? 0,
    },
  }
}
