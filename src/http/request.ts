import type { Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import { messageOf } from '../log.ts'
import { type Outcome, outcomeOf, type Reply } from './outcome.ts'

export type Headers = Readonly<Record<string, string>>

export interface Target {
  readonly url: URL
  /** Sent with every request; asked each time, as credentials in files may change. Throws where a file cannot be read. */
  readonly headers: () => Headers
  /** From the start of an attempt to the end of its answer. */
  readonly timeoutMs: number
}

export interface Requester {
  /** One POST. Never throws: whatever happens is an outcome. Reports `status 0` faults as `retry` or `uncertain`. */
  post(body: Uint8Array, headers: Headers, signal: AbortSignal): Promise<Outcome>
  close(): Promise<void>
}

/** The part of undici that is needed to send: a client for one origin, or a test's stand-in. */
export type Sender = Pick<Dispatcher, 'dispatch'> & { close(): Promise<void>; destroy(error?: Error): Promise<void> }

/** How much of an answer is read; what comes after it closes the connection. */
const replyBytes = 4096

/** Idle connections are closed by us before a load balancer (60 s) or a NAT (from 30 s) does it unseen. */
const idleMs = 25_000

/** Faults that come before a byte of the request has left. */
const beforeSending = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** A sender over one connection, HTTP/1.1. Loads undici's Client alone: the whole package costs 6 MB more. */
export async function connect(origin: string): Promise<Sender> {
  const { default: Client } = await import('undici/lib/dispatcher/client.js')
  return new Client(origin, {
    pipelining: 1,
    keepAliveTimeout: idleMs,
    keepAliveMaxTimeout: idleMs,
    connect: { timeout: 10_000 },
  })
}

/** Requests to one URL, one at a time. */
export function createRequester(target: Target, sender: Sender, clock: Clock): Requester {
  return {
    post: (body, headers, signal) => attempt(target, sender, clock, body, headers, signal),
    close: () => sender.destroy(),
  }
}

async function attempt(
  target: Target,
  sender: Sender,
  clock: Clock,
  body: Uint8Array,
  extra: Headers,
  signal: AbortSignal,
): Promise<Outcome> {
  let headers: Headers
  try {
    headers = { ...target.headers(), ...extra }
  } catch (error) {
    return { kind: 'retry', reason: messageOf(error) }
  }
  const exchange = new Exchange()
  const ended = new AbortController()
  const stop = AbortSignal.any([signal, ended.signal])
  clock.sleep(target.timeoutMs, stop).then(
    () => exchange.abort(new Error(`no answer within ${target.timeoutMs} ms`)),
    () => exchange.abort(new Error('stopped')), // called off: by the caller, or because the answer is there
  )
  try {
    const path = target.url.pathname + target.url.search
    sender.dispatch({ path, method: 'POST', headers, body: body as Buffer }, exchange)
    const reply = await exchange.reply
    return outcomeOf(reply, clock.now())
  } catch (error) {
    return faultOf(error, exchange.sent)
  } finally {
    ended.abort()
  }
}

function faultOf(error: unknown, sent: boolean): Outcome {
  const reason = messageOf(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const arrived = sent && !beforeSending.has(code)
  return { kind: arrived ? 'uncertain' : 'retry', reason: reason.includes(code) ? reason : `${code}: ${reason}` }
}

/** One request's events, gathered into its reply. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly reply: Promise<Reply>
  /** True once bytes of the request may have left. */
  sent = false
  readonly #resolve: (reply: Reply) => void
  readonly #reject: (error: Error) => void
  #controller: Dispatcher.DispatchController | undefined
  #aborted: Error | undefined
  #over = false
  #status = 0
  #headers: Reply['headers'] = {}
  #body: Buffer[] = []
  #length = 0

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    this.reply = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Nothing happens once the answer is there: the connection stays for the next request. */
  abort(reason: Error): void {
    if (this.#over) return
    this.#aborted = reason
    this.#fail(reason)
    this.#controller?.abort(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted !== undefined) controller.abort(this.#aborted)
    else this.sent = true
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Reply['headers']): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = replyBytes - this.#length
    this.#body.push(chunk.subarray(0, room))
    this.#length += chunk.length
    if (this.#length <= replyBytes) return
    this.#done()
    controller.abort(new Error('the answer is longer than needed'))
  }

  onResponseEnd(): void {
    this.#done()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#status >= 200)
      this.#done() // the status is the answer, even if its body broke off
    else this.#fail(error)
  }

  #fail(error: Error): void {
    this.#over = true
    this.#reject(error)
  }

  #done(): void {
    this.#over = true
    const body = Buffer.concat(this.#body).toString('utf8')
    this.#resolve({ status: this.#status, headers: this.#headers, body })
  }
}
