import { instantOf } from '../../util/clock.ts'

/**
 * How one attempt to send ended. An answer from a server is a value, not an exception. `receiverMs` is the receiver's
 * own time, from its Date header: milliseconds since the epoch, in whole seconds. `written` is the number of samples that
 * it says it has written, where it tells what it has written at all (remote-write 2.0).
 */
export type Outcome =
  | { readonly kind: 'delivered'; readonly receiverMs?: number; readonly written?: number }
  /** It has not arrived; the same request may go through later, not before `afterMs` where that is given. */
  | { readonly kind: 'retry'; readonly reason: string; readonly status?: number; readonly afterMs?: number }
  /** The receiver will not have it; sending the same again is no use. */
  | { readonly kind: 'rejected'; readonly reason: string; readonly status: number; readonly written?: number }
  /** No answer came: it may have arrived. */
  | { readonly kind: 'uncertain'; readonly reason: string; readonly status?: number; readonly afterMs?: number }

/** A receiver's answer as far as it matters here. */
export interface Reply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The beginning of the body, as text. */
  readonly body: string
}

/** A receiver that asks for longer than this is asked again sooner. */
const longestRetryAfterMs = 300_000

/** Wrong credentials, tenant or path: the operator will put it right; nothing is dropped until then. */
const held = new Set([401, 403, 404, 407])
const heldForMs = 60_000

const notOurs = 'not the answer of a receiver'

/** Gateways that gave up waiting for the receiver behind them, which may have taken the request. */
const gatewayGaveUp = new Set([502, 503, 504])

/**
 * What an answer means. Remote-write 1.0 and 2.0: never again after 2xx and 4xx other than 429, again after 5xx and
 * 429; the operator's errors (401, 403, 404, 407) and 408 are tried again too, so that nothing is lost by a typing
 * error. `nowMs` is the wall clock, for a Retry-After that is a date.
 */
export function outcomeOf(reply: Reply, nowMs: number): Outcome {
  const { status } = reply
  const isGood = status >= 200 && status < 300
  if (isGood && !isPage(reply)) {
    const receiverMs = instantOf(String(reply.headers['date'] ?? ''))
    return { kind: 'delivered', ...(!Number.isNaN(receiverMs) && { receiverMs }), ...writtenOf(reply) }
  }
  if (isGood) return { kind: 'retry', reason: `HTTP ${status}: a web page, ${notOurs}`, status, afterMs: heldForMs }
  const reason = reasonOf(reply)
  if (held.has(status)) return { kind: 'retry', reason, status, afterMs: heldForMs }
  const afterMs = retryAfterMs(reply.headers['retry-after'], nowMs)
  const wait = afterMs === undefined ? {} : { afterMs }
  if (gatewayGaveUp.has(status)) return { kind: 'uncertain', reason, status, ...wait }
  if (status >= 500 || status === 429 || status === 408) return { kind: 'retry', reason, status, ...wait }
  if (status >= 400) return { kind: 'rejected', reason, status, ...writtenOf(reply) }
  return { kind: 'retry', reason: `${reason}: ${notOurs}`, status, afterMs: heldForMs }
}

const writtenKinds = ['samples', 'histograms', 'exemplars'] as const

/** A count that is missing where there are others is none, and so is what is no count. */
function writtenOf({ headers }: Reply): { readonly written?: number } {
  const [samples, ...others] = writtenKinds.map((kind) => headers[`x-prometheus-remote-write-${kind}-written`])
  if (samples === undefined && others.every((one) => one === undefined)) return {}
  const count = String(Array.isArray(samples) ? samples[0] : samples)
  return { written: /^\d+$/.test(count) ? Number(count) : 0 }
}

/** The log-in of a public network says 200 to everything, and so does many a site to a wrong path. */
function isPage({ headers, body }: Reply): boolean {
  return /^text\/html\b/i.test(String(headers['content-type'] ?? '')) && /^\s*<(!doctype|html)\b/i.test(body)
}

const controls = /[^\P{Cc}\t]+/gu

/**
 * The receiver's first line, and where that announces another, both; of a page its title. For the log, never
 * interpreted.
 */
function reasonOf(reply: Reply): string {
  const { status, headers } = reply
  const body = isPage(reply) ? (/<title[^>]*>([^<]*)/i.exec(reply.body)?.[1] ?? '') : reply.body
  const location = headers.location === undefined ? '' : ` to ${withoutQuery(String(headers.location))}`
  const [line = ''] = body
    .trim()
    .replace(/:\s*\n[\s*]*/, ': ')
    .split(/\s*\n/)
    .map((one) => one.replace(controls, '\uFFFD')) // they would be a terminal's orders
  return `HTTP ${status}${location}${line === '' ? '' : `: ${line.slice(0, 512)}`}`
}

/** A redirect's target may hold a token. */
function withoutQuery(location: string): string {
  return location.replace(/[?#].*$/, '').replace(/\/\/[^/@]*@/, '//')
}

/** Retry-After in milliseconds, clamped; undefined where it is missing, garbage or past. RFC 9110 section 10.2.3. */
export function retryAfterMs(header: string | string[] | undefined, nowMs: number): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim() ?? ''
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : /[a-z]/i.test(text) ? instantOf(text) - nowMs : Number.NaN
  return ms >= 0 ? Math.min(ms, longestRetryAfterMs) : undefined
}
