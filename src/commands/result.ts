import type { DeliveryResult } from '../batch/index.ts'
import type { Config } from '../config/index.ts'
import { shownAddresses } from '../output.ts'
import { plural } from '../util/plural.ts'
import type { Terminal } from './command.ts'

/**
 * What can happen to samples that are not delivered, worst first: the exit status, the text of the result line, and a
 * shorter text for every further output of the same result.
 */
const failureKinds = [
  { kind: 'lost', status: 1, text: 'lost', again: 'lost' },
  {
    kind: 'rejected',
    status: 1,
    text: 'rejected and saved as dead letters (see: hostpush buffer export --dead-letters)',
    again: 'rejected and saved as dead letters',
  },
  {
    kind: 'kept',
    status: 3,
    text: 'not delivered, kept in the buffer for the agent or the next command',
    again: 'not delivered, kept too',
  },
] as const

const keyOf = ({ name, url }: DeliveryResult) => `${name}\n${url}`

/**
 * The failures of a command as texts, for example `2 samples for URL lost: reason`, one for each output and kind of
 * failure. `count` formats a number of samples. Results with the same `outputOf` are added.
 */
export function failureTexts(
  results: readonly DeliveryResult[],
  count: (samples: number) => string,
  outputOf: (result: DeliveryResult) => string = keyOf,
): readonly string[] {
  const address = addressIn(results)
  return failureKinds.flatMap(({ kind, text, again }) => {
    const outputs = Map.groupBy(
      results.filter((one) => one[kind] > 0),
      outputOf,
    )
    return [...outputs.values()].map((here, i) => {
      const [first] = here as [DeliveryResult]
      const samples = here.reduce((sum, one) => sum + one[kind], 0)
      return `${count(samples)} for ${address(first)} ${i === 0 ? text : again}: ${first.reason}`
    })
  })
}

/** Prints the result of a delivery in one line and returns the exit status. */
export function printResults(results: readonly DeliveryResult[], samples: number, { out, err }: Terminal): number {
  const address = addressIn(results)
  const parts = [...failureTexts(results, (count) => `${count} of ${plural(samples, 'sample')}`)]
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
function addressIn(results: readonly DeliveryResult[]): (result: DeliveryResult) => string {
  const addresses = shownAddresses(results.map((one) => ({ key: keyOf(one), name: one.name, url: one.url })))
  return (result) => addresses.get(keyOf(result)) ?? result.url
}

/** Prints the warnings about the configuration, unless the log level is `error`. */
export function printWarnings(
  { warnings, log }: Pick<Config, 'warnings' | 'log'>,
  { err }: Pick<Terminal, 'err'>,
): void {
  if (log.level !== 'error') for (const warning of warnings) err(`hostpush: warning: ${warning}\n`)
}
