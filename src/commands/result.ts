import type { DeliveryResult } from '../batch/index.ts'
import type { Config } from '../config/index.ts'
import { plural } from '../util/plural.ts'
import type { Terminal } from './command.ts'

/** Samples that have not arrived, by what became of them: how bad that is, and how it is said. */
export const failureKinds = [
  { kind: 'lost', status: 1, said: 'lost' },
  { kind: 'rejected', status: 1, said: 'refused, and set aside (hostpush buffer export --dead-letters shows it)' },
  { kind: 'kept', status: 3, said: 'kept in the buffer for the agent or the next command to deliver' },
] as const

/** Says in one line what became of the samples, and gives the exit status. */
export function printResults(results: readonly DeliveryResult[], samples: number, { out, err }: Terminal): number {
  const parts = failureKinds.flatMap(({ kind, said }) => {
    const here = results.filter((one) => one[kind] > 0)
    const texts = here.map((one) => `${one[kind]} of ${plural(samples, 'sample')} for ${placeOf(one)}: ${one.reason}`)
    return texts.length === 0 ? [] : [`${said}: ${texts.join('; ')}`]
  })
  const whole = results
    .filter((one) => failureKinds.every(({ kind }) => one[kind] === 0))
    .map(placeOf)
    .join(', ')
  if (whole !== '') parts.push(`delivered: ${plural(samples, 'sample')} to ${whole}`)
  const status = failureKinds.find(({ kind }) => results.some((one) => one[kind] > 0))?.status ?? 0
  const line = `hostpush: ${parts.join('; ')}\n`
  if (status === 0) out(line)
  else err(line)
  return status
}

const placeOf = ({ name, url }: DeliveryResult) => `${name} (${url})`

/** What was configured, and perhaps not meant: a line each for who reads the lines of a command; none at the level error. */
export function printWarnings(
  { warnings, log }: Pick<Config, 'warnings' | 'log'>,
  { err }: Pick<Terminal, 'err'>,
): void {
  if (log.level !== 'error') for (const doubt of warnings) err(`hostpush: warning: ${doubt}\n`)
}
