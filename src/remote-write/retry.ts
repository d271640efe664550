import {
  type Backoff,
  delayAfter,
  ErrorLog,
  type Headers,
  type Outcome,
  type ReceiverLabels,
  type Requester,
  settle,
  type Unsettled,
  type Wait,
} from '../http/index.ts'

import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { messages } from './messages.ts'
import { interpreted } from './outcome.ts'
import type { EndpointStats } from './stats.ts'

/** Final result of one request. `stuck`: the receiver failed with the same HTTP 5xx for too long. */
export type FinalAnswer = (
  | Extract<Outcome, { kind: 'delivered' | 'rejected' }>
  | { readonly kind: 'stuck'; readonly reason: string; readonly status?: number }
) & {
  /** An earlier attempt ended without a response: the receiver may have accepted it. */
  readonly afterUncertain: boolean
  /** An earlier attempt failed with HTTP 5xx: some replicas of the receiver may have accepted it. */
  readonly afterFailure: boolean
  readonly attempts: number
}

/** One request. */
export interface RemoteWriteRequest {
  readonly body: Uint8Array
  readonly headers: Headers
  readonly samples: number
  /** Maximum number of failed attempts; unlimited if undefined. */
  readonly tries?: number | undefined
}

/** A request is stuck after the same HTTP 5xx this many times and for this time: the body may be the cause. */
const stuckAfter = 8
const stuckAfterMs = 600_000

interface Deps {
  readonly requester: Requester
  readonly clock: Clock
  readonly log: Log
  readonly wait: Wait
  readonly backoff: Backoff
  readonly stats: EndpointStats
  /** Fields of each log line that name the endpoint. */
  readonly receiver: ReceiverLabels
  /** The usual path for pushes to this kind of receiver. */
  readonly pushPath?: string | undefined
  /** Called for HTTP 429. */
  readonly onLimited: () => void
  /** Called with the time of the receiver, milliseconds since the epoch. */
  readonly onTime: (receiverMs: number) => void
  /** Interprets an outcome according to the protocol version. */
  readonly read: (outcome: Outcome) => Outcome
}

/** Sends requests one after another and retries each until it has a final answer. */
export class Retrier {
  readonly #deps: Deps
  readonly #problem: ErrorLog

  constructor(deps: Deps) {
    this.#deps = deps
    this.#problem = new ErrorLog({ ...deps, recovered: messages.recovered })
  }

  /** Why requests fail now, with a hint; undefined when they succeed. */
  get problem(): string | undefined {
    return this.#problem.current
  }

  /** The event that the current or last aborted attempt waits for. */
  get waiting(): string | undefined {
    return this.#deps.requester.waiting
  }

  /** The remedy for an error message of this receiver. */
  hintFor(reason: string): string | undefined {
    return this.#problem.hintFor(reason)
  }

  /** Retries the same bytes until they are delivered, rejected or stuck. The promise rejects when the signal aborts. */
  async deliver({ body, headers, samples, tries }: RemoteWriteRequest, signal: AbortSignal): Promise<FinalAnswer> {
    let same = { status: 0, sinceMs: 0, count: 0 }
    let afterUncertain = false
    let afterFailure = false
    let failures = 0
    return settle<FinalAnswer>(
      async (attempt) => {
        const retryHeader = attempt > 1 ? { 'retry-attempt': String(attempt - 1) } : {}
        const outcome = await this.attempt(body, { ...headers, ...retryHeader }, signal)
        const history = { afterUncertain, afterFailure, attempts: attempt }
        if (outcome.kind === 'delivered' || outcome.kind === 'rejected') return { ...outcome, ...history }
        if (outcome.kind === 'uncertain') afterUncertain = true
        const { status = 0, reason } = outcome
        const nowMs = this.#deps.clock.monotonicMs()
        if (status >= 500) afterFailure = true
        if (status >= 500 || (tries !== undefined && outcome.kind === 'uncertain')) failures++
        if (status !== same.status) same = { status, sinceMs: nowMs, count: 0 }
        const isStuck = status >= 500 && ++same.count >= stuckAfter && nowMs - same.sinceMs >= stuckAfterMs
        if (isStuck || failures >= (tries ?? Number.POSITIVE_INFINITY))
          return { kind: 'stuck', reason, status, ...history, afterUncertain, afterFailure }
        return outcome
      },
      (outcome, attempt) => this.#wait(outcome, attempt, samples, signal),
      signal,
    )
  }

  /** One attempt. Counts it in the stats. */
  async attempt(body: Uint8Array, headers: Headers, signal: AbortSignal): Promise<Outcome> {
    const { requester, clock, stats } = this.#deps
    const startMs = clock.monotonicMs()
    const answer = await requester.post(body, headers, signal)
    const outcome = this.#deps.read(interpreted(answer))
    const status = answer.kind === 'delivered' ? 200 : (answer.status ?? 0)
    stats.requests++
    stats.answers.set(status, (stats.answers.get(status) ?? 0) + 1)
    stats.durations.add((clock.monotonicMs() - startMs) / 1000)
    if (outcome.kind === 'delivered' || outcome.kind === 'rejected') this.#problem.clear()
    if (outcome.kind === 'delivered' && outcome.receiverMs !== undefined) this.#deps.onTime(outcome.receiverMs)
    return outcome
  }

  async #wait(outcome: Unsettled, attempt: number, samples: number, signal: AbortSignal): Promise<void> {
    const { stats, backoff, wait, onLimited } = this.#deps
    stats.retries++
    stats.samplesRetried += samples
    if (outcome.status === 429) onLimited()
    const delayMs = delayAfter(attempt, backoff, outcome.afterMs, Math.random())
    this.#problem.report(messages.retrying, outcome.reason, { retry_in: `${Math.round(delayMs / 100) / 10}s` })
    await wait.wait(delayMs, signal)
  }
}
