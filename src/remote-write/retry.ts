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
import type { EndpointStats } from './stats.ts'

/** What the receiver finally said of one body; `stuck` is a body that it has failed at for too long. */
export type FinalAnswer = (
  | Extract<Outcome, { kind: 'delivered' | 'rejected' }>
  | { readonly kind: 'stuck'; readonly reason: string }
) & {
  /** An earlier attempt of this body ended without an answer: it may have arrived then. */
  readonly afterUncertain: boolean
  readonly attempts: number
}

/** One request. */
export interface Message {
  readonly body: Uint8Array
  readonly headers: Headers
  readonly samples: number
  /** After so many failures and silences it is given up; for ever where it is missing. */
  readonly tries?: number | undefined
}

/** Failures of the receiver itself (5xx) on one body after which it is asked whether the body is at fault. */
const stuckAfter = 20
const stuckForMs = 1_800_000

interface Deps {
  readonly requester: Requester
  readonly clock: Clock
  readonly log: Log
  readonly wait: Wait
  readonly backoff: Backoff
  readonly stats: EndpointStats
  /** What every line of the log says of this endpoint. */
  readonly receiver: ReceiverLabels
  /** Where a receiver of its kind takes pushes. */
  readonly pushPath?: string | undefined
  /** The receiver says that it is too much. */
  readonly onLimited: () => void
  /** The receiver tells its own time, milliseconds since the epoch. */
  readonly onTime: (receiverMs: number) => void
  /** What the protocol makes of an outcome. */
  readonly read: (outcome: Outcome) => Outcome
}

/** Sends one body after another until each has a final answer. */
export class Retrier {
  readonly #deps: Deps
  readonly #problem: ErrorLog

  constructor(deps: Deps) {
    this.#deps = deps
    this.#problem = new ErrorLog({ ...deps, recovered: messages.recovered })
  }

  /** Why nothing goes through at the moment; undefined while all is well. */
  get problem(): string | undefined {
    return this.#problem.current
  }

  /** What the attempt waits for that was called off, or is under way. */
  get waiting(): string | undefined {
    return this.#deps.requester.waiting
  }

  /** What to do about words of this receiver. */
  hintFor(reason: string): string | undefined {
    return this.#problem.hintFor(reason)
  }

  /** Tries the same bytes again until they are delivered, rejected or stuck; rejects when the signal aborts. */
  async deliver({ body, headers, samples, tries }: Message, signal: AbortSignal): Promise<FinalAnswer> {
    const begunMs = this.#deps.clock.monotonicMs()
    let afterUncertain = false
    let failures = 0
    return settle<FinalAnswer>(
      async (attempt) => {
        const more = attempt > 1 ? { 'retry-attempt': String(attempt - 1) } : {}
        const outcome = await this.attempt(body, { ...headers, ...more }, signal)
        const so = { afterUncertain, attempts: attempt }
        if (outcome.kind === 'delivered' || outcome.kind === 'rejected') return { ...outcome, ...so }
        if (outcome.kind === 'uncertain') afterUncertain = true
        if ((outcome.status ?? 0) >= 500 || (tries !== undefined && outcome.kind === 'uncertain')) failures++
        const stuck = failures >= stuckAfter && this.#deps.clock.monotonicMs() - begunMs >= stuckForMs
        if (stuck || failures >= (tries ?? Number.POSITIVE_INFINITY))
          return { kind: 'stuck', reason: outcome.reason, ...so, afterUncertain }
        return outcome
      },
      (outcome, attempt) => this.#wait(outcome, attempt, samples, signal),
      signal,
    )
  }

  /** One attempt, counted. */
  async attempt(body: Uint8Array, headers: Headers, signal: AbortSignal): Promise<Outcome> {
    const { requester, clock, stats } = this.#deps
    const begunMs = clock.monotonicMs()
    const answer = await requester.post(body, headers, signal)
    const outcome = this.#deps.read(answer)
    const status = answer.kind === 'delivered' ? 200 : (answer.status ?? 0)
    stats.requests++
    stats.answers.set(status, (stats.answers.get(status) ?? 0) + 1)
    stats.durations.add((clock.monotonicMs() - begunMs) / 1000)
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
