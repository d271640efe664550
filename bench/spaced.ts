import { setTimeout as sleep } from 'node:timers/promises'

/** What a piece of work took: CPU of all threads of this process, and time by the clock, milliseconds. */
export interface Cost {
  readonly cpuMs: number
  readonly wallMs: number
}

/** Does a piece of work once and notes what it took. */
export async function noted<T>(costs: Cost[], work: () => T | Promise<T>): Promise<T> {
  const begun = process.cpuUsage()
  const begunMs = performance.now()
  const done = await work()
  const wallMs = performance.now() - begunMs
  const { user, system } = process.cpuUsage(begun)
  costs.push({ cpuMs: (user + system) / 1000, wallMs })
  return done
}

/**
 * Does something again and again with a pause before each, as an agent does: what is done in a hot loop is 3 to 30
 * times cheaper. The first tenth does not count.
 */
export async function spaced(rounds: number, gapMs: number, round: (counts: boolean) => Promise<void>): Promise<void> {
  const first = Math.ceil(rounds / 10)
  for (let i = -first; i < rounds; i++) {
    await sleep(gapMs)
    await round(i >= 0)
  }
}
