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
