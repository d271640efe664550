import type { Clock } from '../../src/util/clock.ts'

interface Sleeper {
  readonly atMs: number
  readonly resolve: () => void
}

/** A clock that only the test advances. It can step the wall clock without the monotonic clock. */
export class TestClock implements Clock {
  #monotonicMs = 0
  #wallMs: number
  #sleepers: Sleeper[] = []

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallMs = wallMs
  }

  now(): number {
    return this.#wallMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  bootMs(): number {
    return this.#monotonicMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const callOff = this.timer(ms, resolve)
      signal?.addEventListener('abort', () => {
        callOff()
        reject(signal.reason)
      })
    })
  }

  timer(ms: number, ring: () => void): () => void {
    const sleeper = { atMs: this.#monotonicMs + ms, resolve: ring }
    this.#sleepers.push(sleeper)
    return () => {
      this.#sleepers = this.#sleepers.filter((one) => one !== sleeper)
    }
  }

  /** Time until the next timer fires; undefined without timers. */
  get nextMs(): number | undefined {
    return this.#sleepers.length === 0
      ? undefined
      : Math.min(...this.#sleepers.map(({ atMs }) => atMs)) - this.#monotonicMs
  }

  /** Advances time and fires the due timers in order. Waits after each for the work that it starts. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms
    for (;;) {
      await settled()
      const due = this.#sleepers.filter(({ atMs }) => atMs <= endMs).sort((left, right) => left.atMs - right.atMs)[0]
      if (due === undefined) break
      this.#advance(Math.max(due.atMs, this.#monotonicMs))
      this.#sleepers = this.#sleepers.filter((one) => one !== due)
      due.resolve()
    }
    this.#advance(endMs)
  }

  /** Steps the wall clock; no time passes. */
  step(ms: number): void {
    this.#wallMs += ms
  }

  #advance(toMs: number): void {
    this.#wallMs += toMs - this.#monotonicMs
    this.#monotonicMs = toMs
  }
}

/** Waits until the work without timers has finished. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}
