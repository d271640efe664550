/**
 * A fleet through an outage of ten minutes, as a worker: in a test itself the hooks of node:test, which follow every
 * promise, take longer than all the rest.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { type Answering, host, SimulatedClock } from './fleet.ts'

/** Limits of the receiver, and the size of backlog requests. */
export interface Scenario {
  readonly hosts: number
  /** Capacity of the receiver, as a multiple of the normal request rate of the fleet. */
  readonly limit: number
  /** Retry-After of each 429, seconds; 0 sends none. */
  readonly retryAfter: number
  /** Maximum snapshots per request. */
  readonly atOnce: number
}

export interface Course {
  /** Maximum number of requests in any interval, before the outage and after its end. */
  readonly steady: number
  readonly peak: number
  /** Number of 429 responses. */
  readonly limited: number
  /** Time from the end of the outage until all hosts have caught up, milliseconds. */
  readonly caughtUpMs: number
  /** Number of collected and of delivered snapshots. */
  readonly collected: number
  readonly delivered: number
}

const intervalMs = 15_000
const warmUpMs = 60_000
const outageMs = 600_000
const maxMs = 1_200_000

async function run({ hosts, limit, retryAfter, atOnce }: Scenario): Promise<Course> {
  const clock = new SimulatedClock(1_800_000_000_000)
  const recoveryMs = warmUpMs + outageMs
  const arrivals: number[] = []
  let tokens = hosts
  let filledMs = 0
  let limited = 0
  const answer: Answering = () => {
    const nowMs = clock.monotonicMs()
    arrivals.push(nowMs)
    if (nowMs >= warmUpMs && nowMs < recoveryMs) return 'down'
    tokens = Math.min(hosts, tokens + ((nowMs - filledMs) / intervalMs) * hosts * limit)
    filledMs = nowMs
    if (tokens >= 1) {
      tokens--
      return { status: 204 }
    }
    limited++
    return { status: 429, ...(retryAfter > 0 && { retryAfter }) }
  }
  const over = new AbortController()
  const setting = { clock, answer, intervalMs, atOnce, signal: over.signal }
  const fleet = Array.from({ length: hosts }, (_, i) => host(`host-${i}`, setting))
  await clock.pass(recoveryMs)
  const isBehind = () => fleet.some(({ endpoint }) => endpoint.state.backlog.snapshots > 1)
  while (isBehind() && clock.monotonicMs() < recoveryMs + maxMs) await clock.pass(1000)
  const caughtUpMs = clock.monotonicMs() - recoveryMs
  over.abort(new Error('nothing more is collected'))
  await clock.pass(intervalMs)
  const sum = (count: (one: (typeof fleet)[number]) => number) => fleet.reduce((all, one) => all + count(one), 0)
  return {
    // not the first interval: all hosts start, and collect, in the same moment
    steady: mostWithin(arrivals.filter((at) => at >= intervalMs && at < warmUpMs)),
    peak: mostWithin(arrivals.filter((at) => at >= recoveryMs)),
    limited,
    caughtUpMs,
    collected: sum((one) => one.collected()),
    delivered: sum((one) => one.endpoint.stats.samples / one.series),
  }
}

/** Maximum number of these times in any window of one interval. */
function mostWithin(times: readonly number[]): number {
  let most = 0
  let first = 0
  for (const [last, at] of times.entries()) {
    while (at - (times[first] ?? 0) >= intervalMs) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

parentPort?.postMessage(await run(workerData as Scenario))
