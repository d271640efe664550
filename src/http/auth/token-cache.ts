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

/** What an endpoint that gives out tokens is asked. */
export interface Question {
  readonly url: URL
  readonly headers?: Headers
  /** Posted; without one it is a GET. */
  readonly form?: Readonly<Record<string, string>>
  /** What the endpoint is shown, and may say again. */
  readonly secrets: readonly string[]
  readonly access: Access
  /** Shown to the receiver beside the token. */
  readonly beside?: Headers
}

/** One way to ask. Made anew for each token, as what it holds may stand in a file; throws where that cannot be used. */
export type Way = (nowMs: number) => Question | Promise<Question>

/** A token with many claims has a few thousand characters. */
const replyBytes = 65_536

/** A token endpoint that is slower is told apart from a slow receiver. */
const maxMs = 10_000

/** A token is renewed this long before its end. */
const marginMs = 10_000

interface Token {
  readonly shown: Headers
  /** On the monotonic clock. */
  readonly untilMs: number
}

/**
 * Fetches a token when there is none, and shows it until it ends or is refused. Of several ways the next is tried where
 * one is refused, and the one that served is kept. `kind`, the key of the configuration, begins all that is told.
 */
export function tokens(kind: string, ways: readonly Way[]): Credentials {
  let token: Token | undefined
  let served: Way | undefined
  let flight: { readonly signal: AbortSignal; readonly token: Promise<Token> } | undefined
  const fetched = async (request: Unsigned): Promise<Token> => {
    let refusal: unknown
    for (const way of served === undefined ? ways : [served]) {
      const question = await questionOf(kind, way, request.clock)
      const reply = await ask(kind, question, request)
      const nowMs = request.clock.monotonicMs()
      try {
        token = tokenOf(kind, question, reply, nowMs)
        served = way
        return token
      } catch (error) {
        refusal = error
        if (reply.status < 400 || reply.status > 499) break
      }
    }
    throw refusal
  }
  /** Who asks while somebody else does gets the same. */
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
    return (await flight.token).shown
  }
  return {
    headersFor: (request) =>
      token !== undefined && request.clock.monotonicMs() < token.untilMs ? token.shown : joined(request),
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

/** https://www.rfc-editor.org/rfc/rfc6749#section-5 */
function tokenOf(kind: string, question: Question, { status, body }: Reply, nowMs: number): Token {
  const said = parsed(body)
  const { access_token: token, token_type: type, expires_in: seconds } = said
  if (status < 200 || status > 299 || typeof token !== 'string' || token === '') {
    const reason = status < 300 ? 'no access_token in the answer' : `HTTP ${status}`
    throw new Error(`${placeOf(kind, question)}: ${reason}${wordsIn(said, question)}`)
  }
  const scheme = typeof type === 'string' && type.toLowerCase() !== 'bearer' ? type : 'Bearer'
  const untilMs = Number(seconds) > 0 ? nowMs + Number(seconds) * 1000 - marginMs : Number.POSITIVE_INFINITY
  return { shown: { authorization: `${scheme} ${token}`, ...question.beside }, untilMs }
}

/** Only the words that the standard has for it: the rest may hold what was sent. */
function wordsIn(said: Readonly<Record<string, unknown>>, { url, secrets }: Question): string {
  const words = [said['error'], said['error_description']].filter((word) => typeof word === 'string').join(': ')
  const shown = [...secrets, ...url.searchParams.values()].filter((one) => one.length > 3)
  const safe = redact(words, shown).trim().replace(/\s+/g, ' ')
  return safe === '' ? '' : `: ${safe.slice(0, 256)}`
}

const placeOf = (kind: string, { url }: Question) => `${kind}: ${url.origin}${url.pathname}`

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    const said: unknown = JSON.parse(body)
    return typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {}
  } catch {
    return {} // not JSON: said as no access_token in the answer
  }
}
