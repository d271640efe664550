import { type BufferOptions, foreignOwnerOf } from '../buffer/index.ts'
import type { Config } from '../config/index.ts'
import { type Capability, missingCapabilities, type User } from '../host/index.ts'
import type { Terminal } from './command.ts'

/** Capabilities to read configuration, token and text files that only root can read. */
const reading = ['CAP_DAC_READ_SEARCH'] as const
/** Capabilities that all collectors together need: see `doctor`. */
const collecting = [...reading, 'CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_SYS_PTRACE', 'CAP_SYS_ADMIN'] as const
/** The capabilities that commands of root keep as the owner of the buffer directory. */
export const keptBy = {
  buffer: reading,
  push: reading,
  batch: collecting,
  run: [...collecting, 'CAP_NET_BIND_SERVICE'],
} as const satisfies Readonly<Record<string, readonly Capability[]>>

/**
 * The owner of the buffer directory if root must become that user before it opens anything there: that user could have put
 * links there. `problem`: why root cannot.
 */
export async function ownerToBecome({
  mode,
  directory,
}: Pick<BufferOptions, 'mode' | 'directory'>): Promise<{ readonly owner?: User; readonly problem?: string }> {
  const owner = mode === 'disk' ? await foreignOwnerOf(directory) : undefined
  const missing = owner === undefined ? [] : missingCapabilities(['CAP_SETUID', 'CAP_SETGID'])
  if (owner === undefined) return {}
  if (missing.length === 0) return { owner }
  const problem =
    `buffer: ${directory} belongs to user ${owner.uid}, and root needs ${missing.join(' and ')} to work there; ` +
    'run hostpush as that user'
  return { problem }
}

/**
 * Becomes the owner of the buffer directory if necessary: the program starts again, and this function does not return.
 * Returns undefined if this process may work in the directory, and otherwise the reason why it may not.
 */
export async function becomeOwner(
  buffer: Pick<BufferOptions, 'mode' | 'directory'>,
  terminal: Pick<Terminal, 'restartAs'>,
  keep: readonly Capability[],
): Promise<string | undefined> {
  const { owner, problem } = await ownerToBecome(buffer)
  return owner === undefined ? problem : await terminal.restartAs(owner, keep)
}

/** The configuration without the buffer directory: what is not delivered before the end is lost. */
export const inMemory = (config: Config): Config => ({ ...config, buffer: { ...config.buffer, mode: 'memory' } })
