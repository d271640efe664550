import type { IncomingMessage } from 'node:http'
import type { Clock } from '../util/clock.ts'
import { type Log, messageOf, report } from '../util/log.ts'
import { type Answer, plain } from './answer.ts'
import { BasicAuth } from './basic-auth.ts'
import { messages } from './messages.ts'
import type { CurrentProtection, Protection } from './protection.ts'
import { clientOf, RateLimiter } from './rate-limit.ts'

/** Headers for the answer, and the whole answer if the request is rejected. */
export interface Admission {
  readonly headers: Readonly<Record<string, string>>
  readonly rejection?: Answer
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
}

/** Accepts or rejects requests by the current web configuration file. If the file is invalid, all are rejected. */
export class Gate {
  readonly #current: CurrentProtection
  readonly #deps: Deps
  readonly #auth: BasicAuth
  readonly #rateLimiter = new RateLimiter()
  #problem: string | undefined

  constructor(current: CurrentProtection, deps: Deps) {
    this.#current = current
    this.#deps = deps
    this.#auth = new BasicAuth(deps.clock)
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

  async admit({ headers, socket }: IncomingMessage): Promise<Admission> {
    const protection = this.protection()
    if (protection === undefined) return { headers: {}, rejection: plain(500, 'Internal Server Error') }
    const admission = { headers: protection.headers }
    const { rateLimit, users } = protection
    const client = clientOf(socket.remoteAddress)
    const nowMs = this.#deps.clock.monotonicMs()
    const tooMany = { ...admission, rejection: plain(429, 'Too Many Requests') }
    if (rateLimit !== undefined && !this.#rateLimiter.isWithin(rateLimit, client, nowMs)) return tooMany
    const { authorization } = headers
    const verdict = await this.#auth.verdict({ authorization, client, isGone: () => socket.destroyed }, users)
    if (verdict === 'busy') return tooMany
    if (verdict === 'accepted') return admission
    const { status, headers: own, body } = plain(401, 'Unauthorized')
    return { ...admission, rejection: { status, body, headers: { ...own, 'www-authenticate': 'Basic' } } }
  }
}
