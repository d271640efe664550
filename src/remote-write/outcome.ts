import type { Outcome } from '../http/index.ts'
import { refusalOf } from './acceptance/refusal.ts'

/** HTTP 413: the request is too large. */
export const tooLargeStatus = 413

/** An answer with the message of the receiver. */
interface Answer {
  readonly reason: string
  readonly detail?: string
}

export const messageOf = ({ detail, reason }: Answer): string => detail ?? reason

/**
 * The outcome with the meaning of the receiver's message. Mimir answers 400 to a request above its message size and 429 to
 * one above the burst size: both mean 413. It also answers 429 if it stored a request without the series above the limit
 * of active series: they are rejected.
 */
export function interpreted(outcome: Outcome): Outcome {
  if (outcome.kind !== 'rejected' && (outcome.kind !== 'retry' || outcome.status !== 429)) return outcome
  const { kind, seriesCount } = refusalOf(messageOf(outcome))
  const { reason, detail } = outcome
  const message = { reason, ...(detail !== undefined && { detail }) }
  if (kind === 'too large') return { kind: 'rejected', status: tooLargeStatus, ...message }
  const isStored = outcome.kind === 'retry' && kind === 'stored' && seriesCount !== undefined
  return isStored ? { kind: 'rejected', status: 429, ...message } : outcome
}
