import { hintFor, withHint } from '../../hints/index.ts'
import type { Clock } from '../../util/clock.ts'
import type { Fields, Log } from '../../util/log.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  /** The part of the agent that speaks. */
  readonly part: string
  /** What every line of the log says of this receiver. */
  readonly receiver: ReceiverLabels
  /** Where a receiver of its kind takes pushes. */
  readonly pushPath?: string | undefined
}

/** Which receiver it is, without secrets. */
export type ReceiverLabels = Readonly<Record<'remote_name' | 'url', string>>

/** Reasons of one trouble that are remembered: a receiver that finds new words each time is not told for ever. */
const mostReasons = 20

/** What is wrong at a receiver. Each reason is logged once while the trouble lasts, then to those who debug. */
export class ErrorLog {
  readonly #deps: Deps
  #reason: string | undefined
  #sinceMs = 0
  readonly #told = new Set<string>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Why nothing goes through at the moment; undefined while all is well. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** The reason and what to do, for whoever reads one line. */
  get told(): string | undefined {
    return this.#reason && withHint(this.#reason, this.hintFor(this.#reason))
  }

  /** What to do about words of this receiver. */
  hintFor(reason: string): string | undefined {
    const { part, receiver, pushPath } = this.#deps
    return hintFor(reason, { part, url: receiver.url, pushPath })
  }

  ill(level: 'warn' | 'error', message: string, reason: string, more: Fields = {}): void {
    const { log, part, receiver, clock } = this.#deps
    if (this.#reason === undefined) this.#sinceMs = clock.monotonicMs()
    this.#reason = reason
    const key = alike(reason)
    const isNew = !this.#told.has(key) && this.#told.size < mostReasons
    if (isNew) this.#told.add(key)
    log[isNew ? level : 'debug'](`${part}: ${message}`, {
      ...receiver,
      reason,
      hint: this.hintFor(reason),
      ...more,
    })
  }

  well(): void {
    if (this.#reason === undefined) return
    const { log, part, receiver, clock } = this.#deps
    const seconds = Math.round((clock.monotonicMs() - this.#sinceMs) / 1000)
    log.info(`${part}: answering again`, { ...receiver, after: `${seconds}s` })
    this.#reason = undefined
    this.#told.clear()
  }
}

/** Two reasons that differ in a time or in the number of a request are the same to a reader. */
const alike = (reason: string) => reason.replace(/(?<!^HTTP )\b[\w-]*\d[\w-]*/g, '#')
