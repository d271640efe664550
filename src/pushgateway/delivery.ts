import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import {
  type Backoff,
  delayAfter,
  ErrorLog,
  type Headers,
  type Outcome,
  type ReceiverLabels,
  type Requester,
  type Unsettled,
  type Wait,
} from '../http/index.ts'

import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { contentType, type FamilyText } from './encode.ts'
import { messages } from './messages.ts'
import type { GatewayStats } from './stats.ts'

/** What can be done with a group: replace it, replace its families that are named alike, delete it. */
export type Method = 'PUT' | 'POST' | 'DELETE'

const compressed = promisify(gzip)

interface Deps {
  readonly requesters: Readonly<Record<Method, Requester>>
  readonly clock: Clock
  readonly log: Log
  readonly wait: Wait
  readonly backoff: Backoff
  readonly stats: GatewayStats
  readonly userAgent: string
  /** What every line of the log says of this gateway. */
  readonly receiver: ReceiverLabels
  /** The gateway tells its own time, milliseconds since the epoch. */
  readonly onTime: (receiverMs: number) => void
}

/** Single requests to a gateway, and what is said of how they go. */
export class Pusher {
  readonly #deps: Deps
  readonly problem: ErrorLog

  constructor(deps: Deps) {
    this.#deps = deps
    this.problem = new ErrorLog({ ...deps, recovered: messages.recovered })
  }

  /** What the request waits for that was called off, or is under way. */
  get waiting(): string | undefined {
    const { PUT, POST, DELETE } = this.#deps.requesters
    return PUT.waiting ?? POST.waiting ?? DELETE.waiting
  }

  /** One request that holds these families. */
  async send(method: Method, families: readonly FamilyText[], signal: AbortSignal): Promise<Outcome> {
    const { requesters, clock, stats, onTime } = this.#deps
    const text = families.map((family) => family.text).join('')
    const body = text === '' ? new Uint8Array() : await compressed(text)
    const begunMs = clock.monotonicMs()
    const outcome = await requesters[method].post(body, this.#headers(body), signal)
    const status = outcome.kind === 'delivered' ? 200 : (outcome.status ?? 0)
    stats.answers.set(status, (stats.answers.get(status) ?? 0) + 1)
    stats.requestSeconds += (clock.monotonicMs() - begunMs) / 1000
    if (outcome.kind !== 'delivered') return outcome
    if (outcome.receiverMs !== undefined) onTime(outcome.receiverMs)
    stats.bytes += body.length
    return outcome
  }

  /** Waits before the next attempt. */
  async pause(outcome: Unsettled, attempt: number, signal: AbortSignal): Promise<void> {
    const { backoff, wait, stats } = this.#deps
    stats.retries++
    const delayMs = delayAfter(attempt, backoff, outcome.afterMs, Math.random())
    this.problem.report(messages.retrying, outcome.reason, { retry_in: `${Math.round(delayMs / 100) / 10}s` })
    await wait.wait(delayMs, signal)
  }

  #headers(body: Uint8Array): Headers {
    const headers = { 'user-agent': this.#deps.userAgent }
    return body.length === 0 ? headers : { ...headers, 'content-type': contentType, 'content-encoding': 'gzip' }
  }
}
