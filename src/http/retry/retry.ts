import pRetry from 'p-retry'
import type { Outcome } from './outcome.ts'

/** An attempt after which the same request may be tried again. */
export type Unsettled = Extract<Outcome, { kind: 'retry' | 'uncertain' }>

/** Thrown to p-retry, which decides by it that there is another attempt. */
class Again extends Error {
  readonly outcome: Unsettled
  constructor(outcome: Unsettled) {
    super(outcome.reason)
    this.outcome = outcome
  }
}

/** Tries until an attempt (numbered from 1) ends with something final; rejects when the signal aborts. */
export function settle<Final extends { readonly kind: string }>(
  attempt: (number: number) => Promise<Final | Unsettled>,
  pause: (outcome: Unsettled, number: number) => Promise<void>,
  signal: AbortSignal,
): Promise<Final> {
  return pRetry(
    async (number) => {
      const outcome = await attempt(number)
      signal.throwIfAborted()
      if (isUnsettled(outcome)) throw new Again(outcome)
      return outcome
    },
    {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 0, // the waiting is done by the pause, on the agent's clock
      signal,
      onFailedAttempt: async ({ error, attemptNumber }) => {
        if (!(error instanceof Again)) throw error
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

/** Upward only, so that a fleet that failed together does not come back together, and nobody comes early. */
const jitter = 0.3

/**
 * How long to wait after the `attempt`th failure (from 1): doubling, capped, never less than what the receiver asked
 * for. `random` is from 0 up to 1.
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
