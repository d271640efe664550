import { crc32 } from 'node:zlib'
import { type BufferOptions, type Claim, claimForUser, claimIn, type Holder } from '../buffer/index.ts'
import { byCodeUnit, type Labels } from '../metrics/index.ts'
import { type Log, messageOf, report } from '../util/log.ts'
import { messages } from './messages.ts'

/** The series that are pushed, and where to. */
interface ClaimScope {
  readonly identity: Labels
  readonly buffer: Pick<BufferOptions, 'mode' | 'directory'>
  readonly outputs: readonly { readonly options: { readonly url: URL } }[]
}

/**
 * Claims the right to push these series to these URLs. The claim is in the buffer directory, or, without one, in a
 * directory of this user. If neither is usable, logs it and continues without a claim.
 */
export async function claimSeries(what: string, scope: ClaimScope, log: Log): Promise<Claim | Holder> {
  const name = nameOf(what, scope)
  const { mode, directory } = scope.buffer
  try {
    if (mode === 'disk') return await claimIn(directory, name)
  } catch {
    // the directory is not usable, which was logged when the run was opened
  }
  try {
    return await claimForUser(name)
  } catch (error) {
    report(log, messages.claimFailed, { err: messageOf(error) }, mode === 'memory' ? 'debug' : 'warn')
    return { release: async () => {} }
  }
}

/** The lock of the process that pushes the series of this host. */
export const claimHostSeries = (scope: ClaimScope, log: Log): Promise<Claim | Holder> => claimSeries('host', scope, log)

/** Equal for processes that push the same series to the same URLs. */
function nameOf(what: string, { identity, outputs }: ClaimScope): string {
  const labels = Object.entries(identity).toSorted(([left], [right]) => byCodeUnit(left, right))
  const to = outputs.map(({ options }) => options.url.href)
  return `${what}-${crc32(JSON.stringify([labels, to])).toString(16)}`
}
