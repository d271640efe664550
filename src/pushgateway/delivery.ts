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

/** PUT replaces a group, POST replaces the families of the same names, DELETE deletes the group. */
export type Method = 'PUT' | 'POST' | 'DELETE'

const gzipped = promisify(gzip)

interface Deps {
  readonly requesters: Readonly<Record<Method, Requester>>
  readonly clock: Clock
  readonly log: Log
  readonly wait: Wait
  readonly backoff: Backoff
  readonly stats: GatewayStats
  readonly userAgent: string
  /** Fields of each log line that name the Pushgateway. */
  readonly receiver: ReceiverLabels
  /** Called with the time of the Pushgateway, milliseconds since the epoch. */
  readonly onTime: (receiverMs: number) => void
}

/** Sends single requests to a Pushgateway. Counts and logs failures. */
export class Pusher {
  readonly #deps: Deps
  readonly problem: ErrorLog

  constructor(deps: Deps) {
    this.#deps = deps
    this.problem = new ErrorLog({ ...deps, recovered: messages.recovered })
  }

  /** The event that the current or last aborted request waits for. */
  get waiting(): string | undefined {
    const { PUT, POST, DELETE } = this.#deps.requesters
    return PUT.waiting ?? POST.waiting ?? DELETE.waiting
  }

  /** One request with these families. */
  async send(method: Method, families: readonly FamilyText[], signal: AbortSignal): Promise<Outcome> {
    const { requesters, clock, stats, onTime } = this.#deps
    const text = families.map((family) => family.text).join('')
    const body = text === '' ? new Uint8Array() : await gzipped(text)
    const startMs = clock.monotonicMs()
    const outcome = await requesters[method].post(body, this.#headers(body), signal)
    const status = outcome.kind === 'delivered' ? 200 : (outcome.status ?? 0)
    stats.answers.set(status, (stats.answers.get(status) ?? 0) + 1)
    stats.requestSeconds += (clock.monotonicMs() - startMs) / 1000
    if (outcome.kind !== 'delivered') return outcome
    if (outcome.receiverMs !== undefined) onTime(outcome.receiverMs)
    stats.bytes += body.length
    return outcome
  }

  /** Logs the failure and waits before the next attempt. */
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
