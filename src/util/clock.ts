import { uptime } from 'node:os'

/** The only place that reads time or sets timers, so that tests can bring a clock of their own. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number
  /** Milliseconds that never go back, from an arbitrary start. */
  monotonicMs(): number
  /** Milliseconds since the machine booted, the time it slept too; to hundredths of a second. */
  bootMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Rings after `ms`, unless what it gives is called before. Where a signal is not needed: that makes it four times dearer. */
  timer(ms: number, ring: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs,
  bootMs: () => uptime() * 1000,
  sleep,
  timer,
}

/** `performance.now()` would load a dozen modules of Node's own, which takes a short command 3 ms. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

/** The longest that a timer of Node can be: 25 days. */
const maxMs = 2 ** 31 - 1

function timer(ms: number, ring: () => void): () => void {
  const running = setTimeout(ring, Math.min(ms, maxMs))
  return () => clearTimeout(running)
}

/** That of node:timers/promises makes an Error, with its stack, for each wait that is called off: 0.2 ms a time. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const calledOff = () => {
      callOff()
      reject(signal?.reason)
    }
    const callOff = timer(ms, () => {
      signal?.removeEventListener('abort', calledOff)
      resolve()
    })
    signal?.addEventListener('abort', calledOff, { once: true })
  })
}

export interface Tick {
  /** Wall clock at the tick, milliseconds since the epoch. */
  readonly timestampMs: number
  /** Ticks that went by while the one before was still being worked on. */
  readonly missed: number
}

/**
 * A tick at once, then one at every multiple of the interval on the wall clock. The schedule follows the monotonic
 * clock, so a step of the wall clock neither stops it nor makes it race; it is aligned anew when the two have drifted
 * apart by more than a tenth of the interval. Ends quietly when the signal aborts.
 */
export async function* every(clock: Clock, intervalMs: number, signal: AbortSignal): AsyncGenerator<Tick> {
  if (signal.aborted) return
  yield { timestampMs: clock.now(), missed: 0 }
  let next = aligned(clock, intervalMs)
  while (!signal.aborted) {
    try {
      await clock.sleep(Math.max(0, next - clock.monotonicMs()), signal)
    } catch {
      return // aborted: the caller decides what a stop means
    }
    const early = next - clock.monotonicMs()
    if (early > 0.5) continue // timers may fire a little before their time
    const timestampMs = clock.now()
    yield { timestampMs, missed: Math.max(0, Math.floor(-early / intervalMs)) }
    next += intervalMs
    if (next < clock.monotonicMs() || offAlignment(clock, next, intervalMs)) next = aligned(clock, intervalMs)
  }
}

/** The monotonic time of the wall clock's next multiple of the interval, at least a tenth of an interval away. */
function aligned(clock: Clock, intervalMs: number): number {
  const away = intervalMs - (clock.now() % intervalMs)
  return clock.monotonicMs() + (away < intervalMs / 10 ? away + intervalMs : away)
}

function offAlignment(clock: Clock, next: number, intervalMs: number): boolean {
  const wall = clock.now() + (next - clock.monotonicMs())
  const off = ((wall % intervalMs) + intervalMs) % intervalMs
  return Math.min(off, intervalMs - off) > intervalMs / 10
}

/** Calls off waiting for `work` after `ms`; the work itself goes on, its result is dropped. */
export function withTimeout<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | 'late'> {
  return new Promise((resolve, reject) => {
    const callOff = clock.timer(ms, () => resolve('late'))
    work.finally(callOff).then(resolve, reject)
  })
}

/** The instant that a date in a text stands for (RFC 9110, RFC 3339), milliseconds since the epoch; NaN if it is none. */
export const instantOf = (text: string): number => Date.parse(text)

/** A point in time as RFC 3339 writes it, to the millisecond. */
/** No version of this ran before 2026: a wall clock that says so has not been set yet. */
export const isSet = (nowMs: number): boolean => nowMs >= 1_767_225_600_000

export const timeText = (ms: number): string => new Date(ms).toISOString()

/** Node 26 has it, 24 does not. */
const temporal = (globalThis as { Temporal?: { Now: { instant(): { epochNanoseconds: bigint } } } }).Temporal

/** Wall clock, nanoseconds since the epoch; whole milliseconds where the runtime has no better. */
export const nowNs = (): bigint => temporal?.Now.instant().epochNanoseconds ?? BigInt(Date.now()) * 1_000_000n
