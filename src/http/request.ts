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
  /** Configured headers, sent with every request to this host. */
  readonly headers: () => Headers
  readonly credentials?: Credentials
  /** Default: POST. */
  readonly method?: 'POST' | 'PUT' | 'DELETE' | 'GET'
  /** Maximum duration of an attempt, from its start to the end of the answer. */
  readonly timeoutMs: number
  /** What to do with a redirect that keeps the method; default: follow. */
  readonly redirects?: 'follow' | 'refuse'
  readonly bytesPerSecond?: number
}

export interface Requester {
  /** Sends one request with the target's method. Never throws: an error without an answer is `retry` or `uncertain`. */
  post(body: Uint8Array, headers: Headers, signal: AbortSignal): Promise<Outcome>
  /** The event that the current or aborted request waits for, such as `no answer for 1.0 s`; undefined if the last one has finished. */
  readonly waiting: string | undefined
  close(): Promise<void>
}

/** Maximum size of an answer that is read. A longer answer closes the connection. */
const replyBytes = 4096

const maxRedirects = 5

/** Requests to one URL, one at a time. */
export function createRequester(target: Target, sender: Sender, clock: Clock): Requester {
  const pacing = target.bytesPerSecond === undefined ? undefined : new Pacing(target.bytesPerSecond, clock)
  let moved: URL | undefined
  let inFlight: { readonly sinceMs: number; readonly untilMs?: number } | undefined
  return {
    get waiting() {
      if (inFlight === undefined) return undefined
      const { sinceMs, untilMs = clock.monotonicMs() } = inFlight
      return `${sender.opened === 0 ? 'no connection' : 'no answer'} for ${((untilMs - sinceMs) / 1000).toFixed(1)} s`
    },
    async post(body, headers, signal) {
      const sinceMs = clock.monotonicMs()
      inFlight = { sinceMs }
      // Twice, because a redirect sends the body a second time.
      const paceMs = 2 * (pacing?.durationMs(body.length) ?? 0)
      const deadline = createDeadline(clock, target.timeoutMs + paceMs, signal)
      const attempt = new Attempt({ target, moved, sender, clock, pacing, body, headers, signal: deadline.signal })
      const outcome = await attempt.outcome()
      deadline.clear()
      inFlight = signal.aborted ? { sinceMs, untilMs: clock.monotonicMs() } : undefined
      moved = outcome.kind === 'delivered' || outcome.kind === 'rejected' ? attempt.moved : undefined
      if (mayDifferElsewhere(outcome)) sender.renew?.()
      return outcome
    },
    close: () => sender.destroy(),
  }
}

/** Whether another address of the receiver may answer better. */
const mayDifferElsewhere = (outcome: Outcome) =>
  outcome.kind === 'uncertain' || (outcome.kind === 'retry' && (outcome.status ?? 0) >= 500)

interface Deps {
  readonly target: Target
  /** Permanent redirect target, from earlier attempts. */
  readonly moved: URL | undefined
  readonly sender: Sender
  readonly clock: Clock
  readonly pacing: Pacing | undefined
  readonly body: Uint8Array
  readonly headers: Headers
  /** Aborts at the deadline of the attempt. */
  readonly signal: AbortSignal
}

/** One attempt to deliver a body. Redirects, renewed credentials and closed connections cost further exchanges. */
class Attempt {
  readonly #deps: Deps
  /** Secrets that were sent and must not appear in output. */
  #secrets: readonly string[] = []
  /** Whether bytes of the current request may have been sent. */
  #sent = false
  /** Permanent redirect target of this attempt. */
  moved: URL | undefined
  /** A connection was closed before its answer: that request may have arrived. */
  #uncertain = false

  constructor(deps: Deps) {
    this.#deps = deps
    this.#secrets = deps.sender.secrets ?? []
    this.moved = deps.moved
  }

  async outcome(): Promise<Outcome> {
    const outcome = await this.#conclusion()
    if (outcome.kind === 'delivered') return outcome
    const reason = redact(outcome.reason, this.#secrets)
    return this.#uncertain ? { ...outcome, kind: 'uncertain', reason } : { ...outcome, reason }
  }

  async #conclusion(): Promise<Outcome> {
    try {
      const reply = await this.#authorized()
      return outcomeOf({ ...reply, body: redact(reply.body, this.#secrets) }, this.#deps.clock.now())
    } catch (error) {
      return outcomeOfError(error, this.#sent)
    }
  }

  /** The answer. On 401 or 403 with cached credentials, which may be revoked, fetches new ones and retries once. */
  async #authorized(): Promise<Reply> {
    const reply = await this.#followed()
    const { credentials } = this.#deps.target
    if (credentials?.forget === undefined || (reply.status !== 401 && reply.status !== 403)) return reply
    credentials.forget()
    return this.#followed()
  }

  /** The answer at the end of all redirects. */
  async #followed(): Promise<Reply> {
    const { target } = this.#deps
    let url = this.moved ?? target.url
    let isPermanent = true
    let reply = await this.#answered(url)
    for (let hops = 0; hops < maxRedirects && target.redirects !== 'refuse'; hops++) {
      const next = redirectOf(reply, url)
      if (next === undefined) break
      isPermanent &&= reply.status === 308
      url = next
      if (isPermanent) this.moved = url
      reply = await this.#answered(url)
    }
    return reply
  }

  /**
   * The receiver may close a reused connection at the moment when hostpush sends on it. This is not a failure of the
   * receiver: the request is sent again at once, on a new connection.
   */
  async #answered(url: URL): Promise<Reply> {
    const { sender, signal } = this.#deps
    const before = sender.opened ?? 0
    try {
      return await this.#exchange(url)
    } catch (error) {
      const isReused = before > 0 && sender.opened === before
      if (!isReused || !this.#sent || signal.aborted) throw error
      this.#uncertain = true
      return this.#exchange(url)
    }
  }

  async #exchange(url: URL): Promise<Reply> {
    const { sender, signal, body, pacing, target } = this.#deps
    this.#sent = false
    const headers = await this.#headersFor(url)
    const exchange = new Exchange(replyBytes)
    const method = target.method ?? 'POST'
    const request = { origin: url.origin, path: url.pathname + url.search, method, headers }
    const paced = pacing && {
      headers: { ...headers, 'content-length': String(body.length) },
      body: pacing.pieces(body, signal) as unknown as Buffer, // undici accepts iterables, but its types do not
    }
    try {
      return await exchange.over(sender, { ...request, body: body as Buffer, ...paced }, signal)
    } finally {
      this.#sent = exchange.sent
    }
  }

  /** Headers of a request. Credentials and configured headers are sent only to the configured host. */
  async #headersFor(url: URL): Promise<Headers> {
    const { target, headers, body, clock, signal } = this.#deps
    if (!isSameParty(target.url, url)) return headers
    const credentials = target.credentials?.headersFor({ method: target.method ?? 'POST', url, body, clock, signal })
    const ours = {
      ...target.headers(),
      ...(credentials instanceof Promise ? await inTime(signal, credentials) : credentials),
    }
    this.#secrets = [...secretsOf(target.url, ours), ...(this.#deps.sender.secrets ?? [])]
    return { ...ours, ...headers }
  }
}

/** Waits for credentials. A timeout names them, so that the receiver is not blamed. */
async function inTime(signal: AbortSignal, credentials: Promise<Headers>): Promise<Headers> {
  try {
    return await raceAbort(signal, credentials)
  } catch (error) {
    throw signal.aborted ? new Error(`no credentials: ${messageOf(signal.reason)}`) : error
  }
}

/** Errors before any byte of the request was sent, and a rejected client certificate. */
const beforeSending =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_SSL_.*ALERT.*)$/

function outcomeOfError(error: unknown, sent: boolean): Outcome {
  // One error for each address of the name; the message of the AggregateError itself is empty.
  const errors: readonly unknown[] = error instanceof AggregateError && error.errors.length > 0 ? error.errors : [error]
  const reason = [...new Set(errors.map(wordsOf))].join('; ')
  const code = error instanceof Error && 'code' in error ? String(error.code ?? '') : ''
  const arrived = sent && !beforeSending.test(code)
  return { kind: arrived ? 'uncertain' : 'retry', reason: reason.includes(code) ? reason : `${code}: ${reason}` }
}
