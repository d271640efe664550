import type { Clock } from '../util/clock.ts'
import { createDeadline, raceAbort } from '../util/deadline.ts'
import { messageOf } from '../util/log.ts'
import type { Credentials } from './auth/credentials.ts'
import { redact, secretsOf } from './redact.ts'
import { type Outcome, outcomeOf, type Reply } from './retry/outcome.ts'
import { Pacing } from './transport/bandwidth-limit.ts'
import { wordsOf } from './transport/error-text.ts'
import { Exchange } from './transport/exchange.ts'
import { isSameParty, redirectOf } from './transport/redirect.ts'
import type { Headers, Sender } from './types.ts'

export interface Target {
  readonly url: URL
  /** The user's own, sent with every request to this host. */
  readonly headers: () => Headers
  readonly credentials?: Credentials
  /** POST, if there is none. */
  readonly method?: 'POST' | 'PUT' | 'DELETE' | 'GET'
  /** From the start of an attempt to the end of its answer. */
  readonly timeoutMs: number
  /** Whether a redirect that keeps the method is followed; by default it is. */
  readonly redirects?: 'follow' | 'refuse'
  readonly bytesPerSecond?: number
}

export interface Requester {
  /** One request, with the target's method. Never throws: a fault without an answer is a `retry` or `uncertain`. */
  post(body: Uint8Array, headers: Headers, signal: AbortSignal): Promise<Outcome>
  /** What the request waits for that is under way, or was called off; undefined where the last one has had its end. */
  readonly waiting: string | undefined
  close(): Promise<void>
}

/** How much of an answer is read; what comes after it closes the connection. */
const replyBytes = 4096

const mostRedirects = 5

/** Requests to one URL, one at a time. */
export function createRequester(target: Target, sender: Sender, clock: Clock): Requester {
  const pacing = target.bytesPerSecond === undefined ? undefined : new Pacing(target.bytesPerSecond, clock)
  let moved: URL | undefined
  let underWay: { readonly sinceMs: number; readonly untilMs?: number } | undefined
  return {
    get waiting() {
      if (underWay === undefined) return undefined
      const { sinceMs, untilMs = clock.monotonicMs() } = underWay
      return `${sender.opened === 0 ? 'no connection' : 'no answer'} for ${((untilMs - sinceMs) / 1000).toFixed(1)} s`
    },
    async post(body, headers, signal) {
      const sinceMs = clock.monotonicMs()
      underWay = { sinceMs }
      // A redirect sends the body a second time.
      const paceMs = 2 * (pacing?.durationMs(body.length) ?? 0)
      const deadline = createDeadline(clock, target.timeoutMs + paceMs, signal)
      const attempt = new Attempt({ target, moved, sender, clock, pacing, body, headers, signal: deadline.signal })
      const outcome = await attempt.outcome()
      deadline.clear()
      underWay = signal.aborted ? { sinceMs, untilMs: clock.monotonicMs() } : undefined
      moved = outcome.kind === 'delivered' || outcome.kind === 'rejected' ? attempt.moved : undefined
      if (warnings(outcome)) sender.renew?.()
      return outcome
    },
    close: () => sender.destroy(),
  }
}

/** What is broken behind one address may be well behind another. */
const warnings = (outcome: Outcome) =>
  outcome.kind === 'uncertain' || (outcome.kind === 'retry' && (outcome.status ?? 0) >= 500)

interface Parts {
  readonly target: Target
  /** Where the target has moved to for good, as was found out before. */
  readonly moved: URL | undefined
  readonly sender: Sender
  readonly clock: Clock
  readonly pacing: Pacing | undefined
  readonly body: Uint8Array
  readonly headers: Headers
  /** Aborts when the attempt must end. */
  readonly signal: AbortSignal
}

/** One attempt to have a body taken: usually one exchange, more where the first only says how to do it. */
class Attempt {
  readonly #parts: Parts
  /** What was shown to the receiver and is to be shown to nobody else. */
  #secrets: readonly string[] = []
  /** Bytes of the request under way may have left. */
  #sent = false
  /** Where the target has moved to for good. */
  moved: URL | undefined
  /** A connection was cut before its answer: the request may have arrived then. */
  #doubtful = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.#secrets = parts.sender.secrets ?? []
    this.moved = parts.moved
  }

  async outcome(): Promise<Outcome> {
    const outcome = await this.#conclusion()
    if (outcome.kind === 'delivered') return outcome
    const reason = redact(outcome.reason, this.#secrets)
    return this.#doubtful ? { ...outcome, kind: 'uncertain', reason } : { ...outcome, reason }
  }

  async #conclusion(): Promise<Outcome> {
    try {
      const reply = await this.#authorized()
      return outcomeOf({ ...reply, body: redact(reply.body, this.#secrets) }, this.#parts.clock.now())
    } catch (error) {
      return faultOf(error, this.#sent)
    }
  }

  /** The answer to credentials that are good as far as we can tell: remembered ones may have been revoked. */
  async #authorized(): Promise<Reply> {
    const reply = await this.#followed()
    const { credentials } = this.#parts.target
    if (credentials?.forget === undefined || (reply.status !== 401 && reply.status !== 403)) return reply
    credentials.forget()
    return this.#followed()
  }

  /** The answer at the end of all redirects. */
  async #followed(): Promise<Reply> {
    const { target } = this.#parts
    let url = this.moved ?? target.url
    let isForGood = true
    let reply = await this.#answered(url)
    for (let hops = 0; hops < mostRedirects && target.redirects !== 'refuse'; hops++) {
      const next = redirectOf(reply, url)
      if (next === undefined) break
      isForGood &&= reply.status === 308
      url = next
      if (isForGood) this.moved = url
      reply = await this.#answered(url)
    }
    return reply
  }

  /**
   * A connection that has served before may be closed by the other side in the very moment that we use it. That says
   * nothing of the receiver: the request goes out again at once, on a new one.
   */
  async #answered(url: URL): Promise<Reply> {
    const { sender, signal } = this.#parts
    const before = sender.opened ?? 0
    try {
      return await this.#exchange(url)
    } catch (error) {
      const isUsed = before > 0 && sender.opened === before
      if (!isUsed || !this.#sent || signal.aborted) throw error
      this.#doubtful = true
      return this.#exchange(url)
    }
  }

  async #exchange(url: URL): Promise<Reply> {
    const { sender, signal, body, pacing, target } = this.#parts
    this.#sent = false
    const headers = await this.#headersFor(url)
    const exchange = new Exchange(replyBytes)
    const method = target.method ?? 'POST'
    const request = { origin: url.origin, path: url.pathname + url.search, method, headers }
    const paced = pacing && {
      headers: { ...headers, 'content-length': String(body.length) },
      body: pacing.pieces(body, signal) as unknown as Buffer, // undici takes what can be iterated; its types do not say so
    }
    try {
      return await exchange.over(sender, { ...request, body: body as Buffer, ...paced }, signal)
    } finally {
      this.#sent = exchange.sent
    }
  }

  /** What is ours alone is told to nobody else. */
  async #headersFor(url: URL): Promise<Headers> {
    const { target, headers, body, clock, signal } = this.#parts
    if (!isSameParty(target.url, url)) return headers
    const asked = target.credentials?.headersFor({ method: target.method ?? 'POST', url, body, clock, signal })
    const ours = { ...target.headers(), ...(asked instanceof Promise ? await inTime(signal, asked) : asked) }
    this.#secrets = [...secretsOf(target.url, ours), ...(this.#parts.sender.secrets ?? [])]
    return { ...ours, ...headers }
  }
}

/** Credentials that somebody else gives out: it is told that what was late is not the receiver. */
async function inTime(signal: AbortSignal, asked: Promise<Headers>): Promise<Headers> {
  try {
    return await raceAbort(signal, asked)
  } catch (error) {
    throw signal.aborted ? new Error(`no credentials: ${messageOf(signal.reason)}`) : error
  }
}

/** Faults that come before a byte of the request has left, and the refusal of our certificate. */
const beforeSending =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_SSL_.*ALERT.*)$/

function faultOf(error: unknown, sent: boolean): Outcome {
  // Of several addresses each has failed in its own way, and the whole says nothing.
  const faults: readonly unknown[] = error instanceof AggregateError && error.errors.length > 0 ? error.errors : [error]
  const reason = [...new Set(faults.map(wordsOf))].join('; ')
  const code = error instanceof Error && 'code' in error ? String(error.code ?? '') : ''
  const arrived = sent && !beforeSending.test(code)
  return { kind: arrived ? 'uncertain' : 'retry', reason: reason.includes(code) ? reason : `${code}: ${reason}` }
}
