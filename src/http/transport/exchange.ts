import type { Dispatcher } from 'undici'
import type { Reply } from '../retry/outcome.ts'
import type { Sender } from '../types.ts'
import { decodedBody } from './content-coding.ts'

/** An answer as it was received. */
type Received = Omit<Reply, 'body'> & { readonly body: Buffer }

/** Collects the events of one request into its reply. Reads at most the limit of the body, then closes the connection. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** True once bytes of the request may have been sent. */
  sent = false
  readonly #received: Promise<Received>
  readonly #limit: number
  readonly #resolve: (received: Received) => void
  readonly #reject: (error: Error) => void
  #controller: Dispatcher.DispatchController | undefined
  #aborted: Error | undefined
  #over = false
  #status = 0
  #headers: Reply['headers'] = {}
  #body: Buffer[] = []
  #length = 0

  constructor(limitBytes: number) {
    this.#limit = limitBytes
    const { promise, resolve, reject } = Promise.withResolvers<Received>()
    this.#received = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Sends the request and resolves to its reply. Rejects when the signal aborts. */
  async over(sender: Sender, request: Dispatcher.DispatchOptions, signal: AbortSignal): Promise<Reply> {
    signal.throwIfAborted()
    const abort = () => this.#abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      sender.dispatch(request, this)
      const received = await this.#received
      const coding = String(received.headers['content-encoding'] ?? '')
      const body = await decodedBody(received.body, coding, this.#limit)
      return { ...received, body: body.toString('utf8') }
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** No effect after the answer: the connection stays open for the next request. */
  #abort(reason: Error): void {
    if (this.#over) return
    this.#aborted = reason
    this.#broken(reason)
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
    const room = this.#limit - this.#length
    this.#body.push(chunk.subarray(0, room))
    this.#length += chunk.length
    if (this.#length <= this.#limit) return
    this.#done()
    controller.abort(new Error('the answer is longer than needed'))
  }

  onResponseEnd(): void {
    this.#done()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#broken(error)
  }

  /** With a status the reply is complete, even if its body is not. */
  #broken(error: Error): void {
    if (this.#over) return
    if (this.#status >= 200) this.#done()
    else {
      this.#over = true
      this.#reject(error)
    }
  }

  #done(): void {
    if (this.#over) return
    this.#over = true
    this.#resolve({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#body) })
  }
}
