import { hintFor, withHint } from '../../hints/index.ts'
import type { Clock } from '../../util/clock.ts'
import { type Fields, type Log, type Message, report } from '../../util/log.ts'
import { StateRate } from '../../util/log-rate.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  /** Logged when the error is over, with its duration. Its component chooses the hints. */
  readonly recovered: Message
  /** Fields of each line that name the receiver. */
  readonly receiver: ReceiverLabels
  /** The usual path for pushes to this kind of receiver. */
  readonly pushPath?: string | undefined
}

/** Name and URL of a receiver, without secrets. */
export type ReceiverLabels = Readonly<Record<'remote_name' | 'url', string>>

/** Reasons logged per outage. A receiver that gives a new reason each time does not fill the log. */
const maxReasons = 20

/**
 * The current error of a receiver. Each reason is logged once per outage; repetitions are logged at level debug, and so are
 * outages that follow each other too fast.
 */
export class ErrorLog {
  readonly #deps: Deps
  #reason: string | undefined
  #sinceMs = 0
  readonly #loggedReasons = new Set<string>()
  readonly #state: StateRate

  constructor(deps: Deps) {
    this.#deps = deps
    this.#state = new StateRate(deps.clock)
  }

  /** Why requests fail now; undefined when they succeed. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** The reason with its hint in one line; undefined when requests succeed. */
  get current(): string | undefined {
    return this.#reason && withHint(this.#reason, this.hintFor(this.#reason))
  }

  /** The remedy for an error message of this receiver; undefined if no hint matches. */
  hintFor(reason: string): string | undefined {
    const { recovered, receiver, pushPath } = this.#deps
    return hintFor(reason, { part: recovered.component, url: receiver.url, pushPath })
  }

  report(message: Message, reason: string, more: Fields = {}): void {
    const { log, receiver, clock } = this.#deps
    if (this.#reason === undefined) this.#sinceMs = clock.monotonicMs()
    this.#reason = reason
    const key = withoutNumbers(reason)
    this.#state.set(true)
    const isNew = this.#state.isLoggedAsBad && !this.#loggedReasons.has(key) && this.#loggedReasons.size < maxReasons
    if (isNew) this.#loggedReasons.add(key)
    const fields = { ...receiver, reason, hint: this.hintFor(reason), ...more }
    report(log, message, fields, isNew ? message.level : 'debug')
  }

  clear(): void {
    if (this.#reason === undefined) return
    const { log, recovered, receiver, clock } = this.#deps
    const seconds = Math.round((clock.monotonicMs() - this.#sinceMs) / 1000)
    report(log, recovered, { ...receiver, after: `${seconds}s` }, this.#state.set(false) ? recovered.level : 'debug')
    this.#reason = undefined
    this.#loggedReasons.clear()
  }
}

/** Reasons that differ only in a time or a request number are the same reason. An HTTP status stays. */
const withoutNumbers = (reason: string) => reason.replace(/(?<!^HTTP )\b[\w-]*\d[\w-]*/g, '#')
