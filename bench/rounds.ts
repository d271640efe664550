import { setTimeout as sleep } from 'node:timers/promises'

/** CPU time of all threads of this process and elapsed time of one piece of work, milliseconds. */
export interface Cost {
  readonly cpuMs: number
  readonly wallMs: number
}

/** Runs a piece of work once and appends its cost. */
export async function measureCost<T>(costs: Cost[], work: () => T | Promise<T>): Promise<T> {
  const cpuBefore = process.cpuUsage()
  const startMs = performance.now()
  const result = await work()
  const wallMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(cpuBefore)
  costs.push({ cpuMs: (user + system) / 1000, wallMs })
  return result
}

/**
 * Runs a round repeatedly with a pause before each, as an agent works: the same work in a hot loop is 3 to 30 times
 * cheaper. `counts` is false in the warm-up, the first tenth.
 */
export async function runRounds(
  rounds: number,
  gapMs: number,
  round: (counts: boolean) => Promise<void>,
): Promise<void> {
  const warmUp = Math.ceil(rounds / 10)
  for (let i = -warmUp; i < rounds; i++) {
    await sleep(gapMs)
    await round(i >= 0)
  }
}
