import type { BufferStats } from '../buffer/types.ts'
import { redactedUrl } from '../http/redact.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { groupUrl } from '../pushgateway/group.ts'
import type { Gateway } from '../pushgateway/index.ts'
import type { GatewayOptions } from '../pushgateway/options.ts'
import type { Endpoint, EndpointOptions } from '../remote-write/index.ts'

/** What became of a command's samples at an output. */
export interface DeliveryResult {
  readonly name: string
  readonly url: string
  /** Samples that it has taken. */
  readonly delivered: number
  /** Samples that wait for it in the buffer. */
  readonly kept: number
  /** Samples that it would not have, which are set aside beside the buffer. */
  readonly rejected: number
  /** Samples that it will never get, and that are nowhere. */
  readonly lost: number
  /** Why it has not got all, as far as it is known. */
  readonly reason?: string
}

/** Whether what has not been delivered is safe, and why it was not begun with, where it was not. */
interface ResultContext {
  readonly isSafe: boolean
  readonly waiting: string | undefined
}

export function endpointResult(
  { name, url }: EndpointOptions,
  {
    left,
    refused: rejected,
    stats,
    endpoint,
  }: {
    readonly left: number
    readonly refused: number
    readonly stats: BufferStats
    readonly endpoint: Endpoint | undefined
  },
  { isSafe, waiting }: ResultContext,
): DeliveryResult {
  const dropped = [...(stats.dropped.get(name) ?? [])]
  const gone = dropped.reduce((sum, [, samples]) => sum + samples, 0)
  const delivered = Math.max(0, stats.appendedSamples - left - gone)
  const reason = waiting ?? timeoutReason(endpoint) ?? dropped.map(([why]) => why).join(', ')
  const [kept, unsafe] = isSafe ? [left, 0] : [0, left]
  return resultOf({ name, url: redactedUrl(url), delivered, kept, rejected, lost: gone - rejected + unsafe }, reason)
}

export function gatewayResult(
  { name, url, job, groupingKey }: GatewayOptions,
  {
    newest,
    refused: rejected,
    gateway,
  }: { readonly newest: Snapshot | undefined; readonly refused: number; readonly gateway: Gateway | undefined },
  { isSafe, waiting }: ResultContext,
): DeliveryResult {
  const place = { name, url: redactedUrl(groupUrl(url, job, groupingKey)) }
  const all = newest?.values.length ?? 0
  if (gateway === undefined || gateway.report.pending > 0) {
    const [kept, lost] = isSafe ? [all, 0] : [0, all]
    return resultOf({ ...place, delivered: 0, kept, rejected: 0, lost }, waiting ?? timeoutReason(gateway))
  }
  const { rejection, problem } = gateway
  const gone = rejection?.series.size ?? (problem === undefined ? 0 : all)
  return resultOf(
    { ...place, delivered: all - gone, kept: 0, rejected, lost: gone - rejected },
    gateway.rejected ?? problem,
  )
}

/** Where nothing more is known. */
export const timedOut = 'not delivered in time'

/** Why an output that was stopped has not got all, as far as it is known. */
export function timeoutReason(output: Pick<Endpoint | Gateway, 'problem' | 'waiting'> | undefined): string | undefined {
  return output?.problem ?? (output?.waiting && `${timedOut}: ${output.waiting}`)
}

function resultOf(result: DeliveryResult, reason = ''): DeliveryResult {
  if (result.kept + result.rejected + result.lost === 0) return result
  return { ...result, reason: reason === '' ? timedOut : reason }
}
