import { uptime } from 'node:os'

/** The only source of time and timers. Tests pass a clock that they control. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number
  /** Milliseconds since an arbitrary start. Never decreases. */
  monotonicMs(): number
  /** Milliseconds since the boot, with a resolution of 10 ms. Includes the time that the machine was suspended. */
  bootMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls back after `ms`. Returns the function that cancels the timer. `sleep` with a signal costs four times as much. */
  timer(ms: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs,
  bootMs: () => uptime() * 1000,
  sleep,
  timer,
}

/** `performance.now()` would load a dozen internal modules of Node, which costs a short command 3 ms. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

/** Longest delay that Node's timers support: 25 days. */
const maxMs = 2 ** 31 - 1

function timer(ms: number, callback: () => void): () => void {
  const running = setTimeout(callback, Math.min(ms, maxMs))
  return () => clearTimeout(running)
}

/** Replaces `setTimeout` of node:timers/promises, which creates an Error with a stack for each aborted wait: 0.2 ms. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = timer(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** When a source is collected. */
export interface Schedule {
  readonly intervalMs: number
  /** From 0 to `intervalMs`: the collections are due at each multiple of the interval plus this offset. */
  readonly offsetMs: number
}

export interface Tick {
  /** Number of the interval: floor((scheduled time - offset) / interval). */
  readonly slot: number
  /** When this interval begins on the wall clock, milliseconds since the epoch. */
  readonly scheduledMs: number
  /** Intervals that began and ended since the previous tick: the process was stopped, or that tick was still being handled. */
  readonly missed: number
  /** Time until the next tick, milliseconds: an interval, except after the first tick and after late ones. */
  readonly leftMs: number
}

/**
 * Yields a tick at once, then one at the beginning of each interval on the wall clock. The waits follow the monotonic
 * clock: a step of the wall clock neither stops the schedule nor causes a burst of ticks. A tick in the last tenth of an
 * interval counts as that of the next one, and one in the first tenth of an interval is late. Returns when the signal aborts.
 */
export async function* every(
  clock: Clock,
  { intervalMs, offsetMs }: Schedule,
  signal: AbortSignal,
): AsyncGenerator<Tick> {
  const intervals = () => (clock.now() - offsetMs) / intervalMs
  const startOf = (slot: number) => slot * intervalMs + offsetMs
  /** When the next tick is due, on the monotonic clock. */
  let dueMs: number | undefined
  while (!signal.aborted) {
    const slot = Math.floor(intervals() + 0.1)
    const nowMs = clock.monotonicMs()
    const missed = dueMs === undefined ? 0 : Math.max(0, Math.floor((nowMs - dueMs) / intervalMs + 0.1))
    const leftMs = startOf(slot + 1) - clock.now()
    dueMs = nowMs + leftMs
    yield { slot, scheduledMs: startOf(slot), missed, leftMs }
    // work that ends in the first tenth of an interval delays that tick
    const following = Math.floor(intervals() - 0.1) + 1
    const next = clock.monotonicMs() + startOf(following === slot ? slot + 1 : following) - clock.now()
    // timers may fire early
    for (let leftMs = next - clock.monotonicMs(); leftMs > 0.5; leftMs = next - clock.monotonicMs()) {
      try {
        await clock.sleep(leftMs, signal)
      } catch {
        return // aborted
      }
    }
  }
}

/** Resolves to `late` if `work` takes longer than `ms`. The work continues; its result is ignored. */
export function withTimeout<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | 'late'> {
  return new Promise((resolve, reject) => {
    const cancel = clock.timer(ms, () => resolve('late'))
    work.finally(cancel).then(resolve, reject)
  })
}

/** Parses a date (RFC 9110, RFC 3339) to milliseconds since the epoch; NaN if the text is not a date. */
export const instantOf = (text: string): number => Date.parse(text)

/** False for a time before 2026: no version of hostpush existed then, so the wall clock has not been set. */
export const isSet = (nowMs: number): boolean => nowMs >= 1_767_225_600_000

/** A time in milliseconds since the epoch as RFC 3339 text. */
export const timeText = (ms: number): string => new Date(ms).toISOString()

/** Node 26 has Temporal, Node 24 does not. */
const temporal = (globalThis as { Temporal?: { Now: { instant(): { epochNanoseconds: bigint } } } }).Temporal

/** Wall clock, nanoseconds since the epoch; in whole milliseconds without Temporal. */
export const nowNs = (): bigint => temporal?.Now.instant().epochNanoseconds ?? BigInt(Date.now()) * 1_000_000n
