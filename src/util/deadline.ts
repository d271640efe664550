import type { Clock } from './clock.ts'

/** An end that comes by itself, unless it is over before. */
export interface Deadline {
  /** Aborts when the time is up, or when the caller, if there is one, calls it off. */
  readonly signal: AbortSignal
  clear(): void
}

export function createDeadline(clock: Clock, ms: number, caller?: AbortSignal): Deadline {
  const end = new AbortController()
  const stopped = () => end.abort(new Error('stopped'))
  if (caller?.aborted) stopped()
  caller?.addEventListener('abort', stopped, { once: true })
  const callOff = clock.timer(ms, () => end.abort(new Error(`no answer within ${Math.round(ms)} ms`)))
  const clear = () => {
    caller?.removeEventListener('abort', stopped)
    callOff()
  }
  return { signal: end.signal, clear }
}

/** What is waited for no longer than the signal allows, whether it listens to it or not. */
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
