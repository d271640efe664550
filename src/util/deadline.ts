import type { Clock } from './clock.ts'

/** A signal that aborts at a time limit. `clear` releases the timer. */
export interface Deadline {
  /** Aborts at the time limit, or when the caller's signal aborts. */
  readonly signal: AbortSignal
  /** Replaces the time limit: `ms` from now. Has no effect after the signal has aborted. */
  restart(ms: number): void
  clear(): void
}

export function createDeadline(clock: Clock, ms: number, caller?: AbortSignal): Deadline {
  const end = new AbortController()
  const stopped = () => end.abort(new Error('stopped'))
  if (caller?.aborted) stopped()
  caller?.addEventListener('abort', stopped, { once: true })
  const limit = (ms: number) => clock.timer(ms, () => end.abort(new Error(`no answer within ${Math.round(ms)} ms`)))
  let cancel = limit(ms)
  const restart = (ms: number) => {
    cancel()
    if (!end.signal.aborted) cancel = limit(ms)
  }
  const clear = () => {
    caller?.removeEventListener('abort', stopped)
    cancel()
  }
  return { signal: end.signal, restart, clear }
}

/**
 * Resolves to `late` if the work has not ended `graceMs` after the signal aborts. The work continues, and its result is
 * ignored. A signal that has already aborted has no effect: the caller then wants the whole work.
 */
export async function graceAfter<T>(
  clock: Clock,
  work: Promise<T>,
  { signal, graceMs }: { readonly signal: AbortSignal; readonly graceMs: number },
): Promise<T | 'late'> {
  const { promise: late, resolve } = Promise.withResolvers<'late'>()
  let cancel = () => {}
  const abort = () => {
    cancel = clock.timer(graceMs, () => resolve('late'))
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, late])
  } finally {
    signal.removeEventListener('abort', abort)
    cancel()
  }
}

/** Rejects when the signal aborts, even if the work ignores the signal. */
export async function raceAbort<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
