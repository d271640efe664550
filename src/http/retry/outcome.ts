import { instantOf } from '../../util/clock.ts'

/**
 * How one attempt to send ended. An answer from a server is a value, not an exception. `receiverMs` is the receiver's
 * clock, from its Date header: milliseconds since the epoch, in whole seconds. `written` is the number of samples that the
 * receiver reports as written; undefined if it reports no counts (remote-write 1.0). `detail` is the reason without the
 * limit for a log line: the sender interprets it.
 */
export type Outcome =
  | { readonly kind: 'delivered'; readonly receiverMs?: number; readonly written?: number }
  /** Not accepted: the same request may succeed later, in `afterMs` milliseconds at the earliest. */
  | {
      readonly kind: 'retry'
      readonly reason: string
      readonly status?: number
      readonly afterMs?: number
      readonly detail?: string
    }
  /** Rejected for this content: sending the same request again cannot succeed. */
  | {
      readonly kind: 'rejected'
      readonly reason: string
      readonly status: number
      readonly written?: number
      readonly detail?: string
    }
  /** No answer: the request may have arrived. */
  | { readonly kind: 'uncertain'; readonly reason: string; readonly status?: number; readonly afterMs?: number }

/** The parts of an answer that decide its outcome. */
export interface Reply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The beginning of the body, as text. */
  readonly body: string
}

/** Cap for Retry-After. */
const maxRetryAfterMs = 300_000

/** Wrong credentials, tenant or path: hostpush retries once a minute until the operator corrects it, and drops nothing. */
const operatorErrors = new Set([401, 403, 404, 407])
const operatorRetryMs = 60_000

const notReceiver = 'not the answer of a receiver'

/** Errors of a gateway: the receiver behind it may have accepted the request. */
const gatewayGaveUp = new Set([502, 503, 504])

/**
 * The outcome of an answer. Remote-write 1.0 and 2.0 specify: no retry after 2xx and 4xx except 429, retry after 5xx and
 * 429. In addition, hostpush retries 408 and the operator's errors (401, 403, 404, 407), so that a typing error in the
 * configuration loses nothing. `nowMs` is the wall clock, for a Retry-After that is a date.
 */
export function outcomeOf(reply: Reply, nowMs: number): Outcome {
  const { status } = reply
  const isGood = status >= 200 && status < 300
  if (isGood && !isPage(reply)) {
    const receiverMs = instantOf(String(reply.headers['date'] ?? ''))
    return { kind: 'delivered', ...(!Number.isNaN(receiverMs) && { receiverMs }), ...writtenOf(reply) }
  }
  if (isGood)
    return { kind: 'retry', reason: `HTTP ${status}: a web page, ${notReceiver}`, status, afterMs: operatorRetryMs }
  const reason = reasonOf(reply)
  if (operatorErrors.has(status)) return { kind: 'retry', reason, status, afterMs: operatorRetryMs }
  const afterMs = retryAfterMs(reply.headers['retry-after'], nowMs)
  const wait = afterMs === undefined ? {} : { afterMs }
  const full = reasonOf(reply, maxDetail)
  const detail = full === reason ? {} : { detail: full }
  if (gatewayGaveUp.has(status)) return { kind: 'uncertain', reason, status, ...wait }
  if (status >= 500 || status === 429 || status === 408) return { kind: 'retry', reason, status, ...wait, ...detail }
  if (status >= 400) return { kind: 'rejected', reason, status, ...writtenOf(reply), ...detail }
  return { kind: 'retry', reason: `${reason}: ${notReceiver}`, status, afterMs: operatorRetryMs }
}

const writtenKinds = ['samples', 'histograms', 'exemplars'] as const

/** Number of samples that the receiver wrote. It is 0 if only other counts are present, or if the value is invalid. */
function writtenOf({ headers }: Reply): { readonly written?: number } {
  const [samples, ...others] = writtenKinds.map((kind) => headers[`x-prometheus-remote-write-${kind}-written`])
  if (samples === undefined && others.every((one) => one === undefined)) return {}
  const count = String(Array.isArray(samples) ? samples[0] : samples)
  return { written: /^\d+$/.test(count) ? Number(count) : 0 }
}

/** Whether the answer is a web page: login pages of public networks, and many sites for a wrong path, answer 200. */
function isPage({ headers, body }: Reply): boolean {
  return /^text\/html\b/i.test(String(headers['content-type'] ?? '')) && /^\s*<(!doctype|html)\b/i.test(body)
}

/** Control characters, and those that change the direction of the text. */
const controls = /(?:[^\P{Cc}\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069])+/gu

/** Length of a reason for output, and of one that a sender interprets. */
const maxReason = 512
const maxDetail = 2048

/** Status and first line of the answer; the second line too if the first ends with a colon. For a web page its title. */
function reasonOf(reply: Reply, maxLength = maxReason): string {
  const { status, headers } = reply
  const body = isPage(reply) ? (/<title[^>]*>([^<]*)/i.exec(reply.body)?.[1] ?? '') : reply.body
  const location = headers.location === undefined ? '' : ` to ${withoutQuery(String(headers.location))}`
  const [line = ''] = body
    .trim()
    .replace(/:\s*\n[\s*]*/, ': ')
    .split(/\s*\n/)
    .map((one) => one.replace(controls, '\uFFFD')) // a terminal could execute them
  return `HTTP ${status}${location}${line === '' ? '' : `: ${line.slice(0, maxLength)}`}`
}

/** A redirect target without query and credentials, which may contain a token. */
function withoutQuery(location: string): string {
  return location.replace(/[?#].*$/, '').replace(/\/\/[^/@]*@/, '//')
}

/** Retry-After in milliseconds, capped; undefined if it is missing, invalid or in the past. RFC 9110 section 10.2.3. */
export function retryAfterMs(header: string | string[] | undefined, nowMs: number): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim() ?? ''
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : /[a-z]/i.test(text) ? instantOf(text) - nowMs : Number.NaN
  return ms >= 0 ? Math.min(ms, maxRetryAfterMs) : undefined
}
