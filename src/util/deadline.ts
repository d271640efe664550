import type { Clock } from './clock.ts'

/** A signal that aborts at a time limit. `clear` releases the timer. */
export interface Deadline {
  /** Aborts at the time limit, or when the caller's signal aborts. */
  readonly signal: AbortSignal
  clear(): void
}

export function createDeadline(clock: Clock, ms: number, caller?: AbortSignal): Deadline {
  const end = new AbortController()
  const stopped = () => end.abort(new Error('stopped'))
  if (caller?.aborted) stopped()
  caller?.addEventListener('abort', stopped, { once: true })
  const cancel = clock.timer(ms, () => end.abort(new Error(`no answer within ${Math.round(ms)} ms`)))
  const clear = () => {
    caller?.removeEventListener('abort', stopped)
    cancel()
  }
  return { signal: end.signal, clear }
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
