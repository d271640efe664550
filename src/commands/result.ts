import type { DeliveryResult } from '../batch/index.ts'
import type { Config } from '../config/index.ts'
import { shownAddresses } from '../output.ts'
import { plural } from '../util/plural.ts'
import type { Terminal } from './command.ts'

/** What can happen to samples that are not delivered, worst first: the exit status, and the text of the result line. */
export const failureKinds = [
  { kind: 'lost', status: 1, text: 'lost' },
  {
    kind: 'rejected',
    status: 1,
    text: 'rejected and saved as dead letters (see: hostpush buffer export --dead-letters)',
  },
  { kind: 'kept', status: 3, text: 'not delivered, kept in the buffer for the agent or the next command' },
] as const

/** Prints the result of a delivery in one line and returns the exit status. */
export function printResults(results: readonly DeliveryResult[], samples: number, { out, err }: Terminal): number {
  const address = addressIn(results)
  const parts = failureKinds.flatMap(({ kind, text }) =>
    results
      .filter((one) => one[kind] > 0)
      .map((one) => `${one[kind]} of ${plural(samples, 'sample')} for ${address(one)} ${text}: ${one.reason}`),
  )
  const whole = results
    .filter((one) => failureKinds.every(({ kind }) => one[kind] === 0))
    .map(address)
    .join(', ')
  if (whole !== '') parts.push(`${plural(samples, 'sample')} delivered to ${whole}`)
  const status = failureKinds.find(({ kind }) => results.some((one) => one[kind] > 0))?.status ?? 0
  const line = `hostpush: ${parts.join('; ')}\n`
  if (status === 0) out(line)
  else err(line)
  return status
}

/** How the outputs of results are shown: by URL, with the name if several have the same URL. */
export function addressIn(results: readonly DeliveryResult[]): (result: DeliveryResult) => string {
  const addresses = shownAddresses(results.map(({ name, url }) => ({ key: `${name}\n${url}`, name, url })))
  return ({ name, url }) => addresses.get(`${name}\n${url}`) ?? url
}

/** Prints the warnings about the configuration, unless the log level is `error`. */
export function printWarnings(
  { warnings, log }: Pick<Config, 'warnings' | 'log'>,
  { err }: Pick<Terminal, 'err'>,
): void {
  if (log.level !== 'error') for (const warning of warnings) err(`hostpush: warning: ${warning}\n`)
}
