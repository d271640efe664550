import type { Headers, Requester } from '../http/request.ts'
import { type Backoff, delayAfter } from '../http/retry/backoff.ts'
import { type ReceiverLabels, ErrorLog } from '../http/retry/error-log.ts'
import type { Wait } from '../http/retry/interruptible-wait.ts'
import type { Outcome } from '../http/retry/outcome.ts'
import { settle, type Unsettled } from '../http/retry/retry.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
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

interface Needs {
  readonly requester: Requester
  readonly clock: Clock
  readonly log: Log
  readonly patience: Wait
  readonly backoff: Backoff
  readonly stats: EndpointStats
  /** What every line of the log says of this endpoint. */
  readonly about: ReceiverLabels
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
  readonly #needs: Needs
  readonly #trouble: ErrorLog

  constructor(needs: Needs) {
    this.#needs = needs
    this.#trouble = new ErrorLog({ ...needs, part: 'remote-write' })
  }

  /** Why nothing goes through at the moment; undefined while all is well. */
  get problem(): string | undefined {
    return this.#trouble.told
  }

  /** What the attempt waits for that was called off, or is under way. */
  get waiting(): string | undefined {
    return this.#needs.requester.waiting
  }

  /** What to do about words of this receiver. */
  hintFor(reason: string): string | undefined {
    return this.#trouble.hintFor(reason)
  }

  /** Tries the same bytes again until they are delivered, rejected or stuck; rejects when the signal aborts. */
  async deliver({ body, headers, samples, tries }: Message, signal: AbortSignal): Promise<FinalAnswer> {
    const begunMs = this.#needs.clock.monotonicMs()
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
        const stuck = failures >= stuckAfter && this.#needs.clock.monotonicMs() - begunMs >= stuckForMs
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
    const { requester, clock, stats } = this.#needs
    const begunMs = clock.monotonicMs()
    const answer = await requester.post(body, headers, signal)
    const outcome = this.#needs.read(answer)
    const status = answer.kind === 'delivered' ? 200 : (answer.status ?? 0)
    stats.requests++
    stats.answers.set(status, (stats.answers.get(status) ?? 0) + 1)
    stats.durations.add((clock.monotonicMs() - begunMs) / 1000)
    if (outcome.kind === 'delivered' || outcome.kind === 'rejected') this.#trouble.well()
    if (outcome.kind === 'delivered' && outcome.receiverMs !== undefined) this.#needs.onTime(outcome.receiverMs)
    return outcome
  }

  async #wait(outcome: Unsettled, attempt: number, samples: number, signal: AbortSignal): Promise<void> {
    const { stats, backoff, patience, onLimited } = this.#needs
    stats.retries++
    stats.samplesRetried += samples
    if (outcome.status === 429) onLimited()
    const delayMs = delayAfter(attempt, backoff, outcome.afterMs, Math.random())
    this.#trouble.ill('warn', 'not delivered, kept and tried again', outcome.reason, {
      retry_in: `${Math.round(delayMs / 100) / 10}s`,
    })
    await patience.wait(delayMs, signal)
  }
}
