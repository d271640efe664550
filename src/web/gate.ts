import type { IncomingMessage } from 'node:http'
import type { Clock } from '../util/clock.ts'
import { type Log, messageOf, report } from '../util/log.ts'
import { type Answer, plain } from './answer.ts'
import { BasicAuth } from './basic-auth.ts'
import { messages } from './messages.ts'
import type { CurrentProtection, Protection } from './protection.ts'

/** Headers for the answer, and the whole answer if the request is rejected. */
export interface Admission {
  readonly headers: Readonly<Record<string, string>>
  readonly rejection?: Answer
  /** Clients need a password, or verify the name of this server by TLS. */
  readonly isProtected?: boolean
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
}

/** Accepts or rejects requests by the current web configuration file. If the file is invalid, all are rejected. */
export class Gate {
  readonly #current: CurrentProtection
  readonly #deps: Deps
  readonly #auth = new BasicAuth()
  #problem: string | undefined
  /** Token bucket of the rate limit, as of `#countedMs` on the monotonic clock. */
  #tokens: number | undefined
  #countedMs = 0

  constructor(current: CurrentProtection, deps: Deps) {
    this.#current = current
    this.#deps = deps
  }

  /** The current configuration; undefined if it is invalid, which is logged once. */
  protection(): Protection | undefined {
    try {
      const protection = this.#current()
      if (this.#problem !== undefined) report(this.#deps.log, messages.configurationRecovered)
      this.#problem = undefined
      return protection
    } catch (error) {
      const problem = messageOf(error)
      if (problem !== this.#problem) report(this.#deps.log, messages.configurationFailed, { err: problem })
      this.#problem = problem
      return undefined
    }
  }

  async admit({ headers }: IncomingMessage): Promise<Admission> {
    const protection = this.protection()
    if (protection === undefined) return { headers: {}, rejection: plain(500, 'Internal Server Error') }
    const isProtected = protection.tls !== undefined || protection.users.size > 0
    const admission = { headers: protection.headers, isProtected }
    if (!this.#isWithinRate(protection)) return { ...admission, rejection: plain(429, 'Too Many Requests') }
    if (await this.#auth.isAuthenticated(headers.authorization, protection.users)) return admission
    const { status, headers: own, body } = plain(401, 'Unauthorized')
    return { ...admission, rejection: { status, body, headers: { ...own, 'www-authenticate': 'Basic' } } }
  }

  /** Allows one request each `intervalMs`, and bursts of up to `burst` requests. */
  #isWithinRate({ rateLimit }: Protection): boolean {
    if (rateLimit === undefined) return true
    const { burst, intervalMs } = rateLimit
    const nowMs = this.#deps.clock.monotonicMs()
    this.#tokens = Math.min(burst, (this.#tokens ?? burst) + (nowMs - this.#countedMs) / intervalMs)
    this.#countedMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
