import pRetry from 'p-retry'
import type { Outcome } from './outcome.ts'

/** An attempt after which the same request may be tried again. */
export type Unsettled = Extract<Outcome, { kind: 'retry' | 'uncertain' }>

/** Thrown to p-retry to request another attempt. */
class RetryRequest extends Error {
  readonly outcome: Unsettled
  constructor(outcome: Unsettled) {
    super(outcome.reason)
    this.outcome = outcome
  }
}

/** Retries until an attempt (numbered from 1) returns a final outcome. Rejects when the signal aborts. */
export function settle<Final extends { readonly kind: string }>(
  attempt: (number: number) => Promise<Final | Unsettled>,
  pause: (outcome: Unsettled, number: number) => Promise<void>,
  signal: AbortSignal,
): Promise<Final> {
  return pRetry(
    async (number) => {
      const outcome = await attempt(number)
      signal.throwIfAborted()
      if (isUnsettled(outcome)) throw new RetryRequest(outcome)
      return outcome
    },
    {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 0, // `pause` waits, on the agent's clock
      signal,
      onFailedAttempt: async ({ error, attemptNumber }) => {
        if (!(error instanceof RetryRequest)) throw error
        await pause(error.outcome, attemptNumber)
      },
    },
  )
}

export function isUnsettled<Final extends { readonly kind: string }>(outcome: Final | Unsettled): outcome is Unsettled {
  return outcome.kind === 'retry' || outcome.kind === 'uncertain'
}

export interface Backoff {
  readonly minMs: number
  readonly maxMs: number
}

/** Jitter that only lengthens the delay: it spreads a fleet that failed together, and no host retries too early. */
const jitter = 0.3

/**
 * Delay after the `attempt`th failure (from 1), milliseconds: doubles up to `maxMs`, and is never less than `askedMs`, the
 * delay that the receiver asked for. `random` is from 0 up to 1.
 */
export function delayAfter(
  attempt: number,
  { minMs, maxMs }: Backoff,
  askedMs: number | undefined,
  random: number,
): number {
  const doubled = Math.min(maxMs, minMs * 2 ** Math.min(attempt - 1, 30))
  return Math.max(doubled, askedMs ?? 0) * (1 + jitter * random)
}
