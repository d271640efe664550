import type { Clock } from '../../util/clock.ts'
import { createDeadline } from '../../util/deadline.ts'
import { messageOf } from '../../util/log.ts'
import { redact } from '../redact.ts'
import type { Reply } from '../retry/outcome.ts'

import { connect } from '../transport/connection.ts'
import { wordsOf } from '../transport/error-text.ts'
import { Exchange } from '../transport/exchange.ts'
import type { Access, Headers } from '../types.ts'
import type { Credentials, Unsigned } from './credentials.ts'

/** A request to a token endpoint. */
export interface Question {
  readonly url: URL
  readonly headers?: Headers
  /** Form of a POST; default: a GET without a body. */
  readonly form?: Readonly<Record<string, string>>
  /** Secrets in the request; the endpoint may repeat them. */
  readonly secrets: readonly string[]
  readonly access: Access
  /** Headers for the receiver in addition to the token. */
  readonly extraHeaders?: Headers
}

/** Builds the request for a token. Called for each token, because secrets may be in files. Throws if one is invalid. */
export type Way = (nowMs: number) => Question | Promise<Question>

/** A token with many claims has a few thousand characters. */
const replyBytes = 65_536

/** Timeout of the token endpoint, shorter than the receiver's, so that the error names the token endpoint. */
const maxMs = 10_000

/** A token is renewed this long before it expires. */
const marginMs = 10_000

interface Token {
  readonly headers: Headers
  /** On the monotonic clock. */
  readonly untilMs: number
}

/**
 * Fetches a token and caches it until it expires or the receiver rejects it. If the token endpoint rejects one way with a
 * 4xx status, the next way is tried; the first that works is used from then on. `kind`, the configuration key, is the prefix of all errors.
 */
export function tokens(kind: string, ways: readonly Way[]): Credentials {
  let token: Token | undefined
  let workingWay: Way | undefined
  let flight: { readonly signal: AbortSignal; readonly token: Promise<Token> } | undefined
  const fetched = async (request: Unsigned): Promise<Token> => {
    let rejection: unknown
    for (const way of workingWay === undefined ? ways : [workingWay]) {
      const question = await questionOf(kind, way, request.clock)
      const reply = await ask(kind, question, request)
      const nowMs = request.clock.monotonicMs()
      try {
        token = tokenOf(kind, question, reply, nowMs)
        workingWay = way
        return token
      } catch (error) {
        rejection = error
        if (reply.status < 400 || reply.status > 499) break
      }
    }
    throw rejection
  }
  /** Concurrent callers share one request for a token. */
  const joined = async (request: Unsigned): Promise<Headers> => {
    if (flight === undefined || flight.signal.aborted) {
      const { signal } = request
      const mine = { signal, token: fetched(request) }
      flight = mine
      const over = () => {
        if (flight === mine) flight = undefined
      }
      mine.token.then(over, over)
    }
    return (await flight.token).headers
  }
  return {
    headersFor: (request) =>
      token !== undefined && request.clock.monotonicMs() < token.untilMs ? token.headers : joined(request),
    forget() {
      token = undefined
    },
  }
}

async function questionOf(kind: string, way: Way, clock: Clock): Promise<Question> {
  try {
    return await way(clock.now())
  } catch (error) {
    throw new Error(`${kind}: no credentials: ${messageOf(error)}`)
  }
}

async function ask(kind: string, question: Question, { clock, signal }: Unsigned): Promise<Reply> {
  const { url, form, access } = question
  const headers = {
    accept: 'application/json',
    ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
    ...question.headers,
  }
  const request = {
    origin: url.origin,
    path: url.pathname + url.search,
    headers,
    ...(form ? { method: 'POST', body: new URLSearchParams(form).toString() } : { method: 'GET' }),
  } as const
  const sender = await connect(url.origin, access, clock)
  const deadline = createDeadline(clock, maxMs, signal)
  try {
    return await new Exchange(replyBytes).over(sender, request, deadline.signal)
  } catch (error) {
    throw new Error(`${placeOf(kind, question)}: ${wordsOf(error)}`)
  } finally {
    deadline.clear()
    void sender.destroy()
  }
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-5.5 and section 5.6.2 */
const isFieldValue = /^[\x21-\x7e\x80-\xff]([\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/
const isScheme = /^[!#$%&'*+.^_`|~\w-]+$/

/** https://www.rfc-editor.org/rfc/rfc6749#section-5 */
function tokenOf(kind: string, question: Question, { status, body }: Reply, nowMs: number): Token {
  const fields = parsed(body)
  const { access_token: token, token_type: type, expires_in: seconds } = fields
  if (status < 200 || status > 299 || typeof token !== 'string' || token === '') {
    const reason = status < 300 ? 'no access_token in the answer' : `HTTP ${status}`
    throw new Error(`${placeOf(kind, question)}: ${reason}${errorTextIn(fields, question)}`)
  }
  const scheme = typeof type === 'string' && type.toLowerCase() !== 'bearer' ? type : 'Bearer'
  // an error here is not cached: the next request asks for a new token
  if (!isFieldValue.test(token)) throw new Error(`${placeOf(kind, question)}: access_token is not valid in a header`)
  if (!isScheme.test(scheme)) throw new Error(`${placeOf(kind, question)}: token_type is not valid in a header`)
  const untilMs = Number(seconds) > 0 ? nowMs + Number(seconds) * 1000 - marginMs : Number.POSITIVE_INFINITY
  return { headers: { authorization: `${scheme} ${token}`, ...question.extraHeaders }, untilMs }
}

/** The error fields of the standard. The rest of the answer is not shown: it may contain secrets. */
function errorTextIn(fields: Readonly<Record<string, unknown>>, { url, secrets }: Question): string {
  const words = [fields['error'], fields['error_description']].filter((word) => typeof word === 'string').join(': ')
  const shown = [...secrets, ...url.searchParams.values()].filter((one) => one.length > 3)
  const safe = redact(words, shown).trim().replace(/\s+/g, ' ')
  return safe === '' ? '' : `: ${safe.slice(0, 256)}`
}

const placeOf = (kind: string, { url }: Question) => `${kind}: ${url.origin}${url.pathname}`

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(body)
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {}
  } catch {
    return {} // not JSON: reported as an answer without access_token
  }
}
