import type { Dispatcher } from 'undici'
import type { Reply } from '../retry/outcome.ts'
import type { Sender } from '../types.ts'

/** One request's events, gathered into its reply. Of the body no more than the limit is read; the rest is cut off. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** True once bytes of the request may have left. */
  sent = false
  readonly #reply: Promise<Reply>
  readonly #limit: number
  readonly #resolve: (reply: Reply) => void
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
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    this.#reply = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Carries it out, until the signal aborts. */
  async over(sender: Sender, request: Dispatcher.DispatchOptions, signal: AbortSignal): Promise<Reply> {
    signal.throwIfAborted()
    const abort = () => this.#abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      sender.dispatch(request, this)
      return await this.#reply
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Nothing happens once the answer is there: the connection stays for the next request. */
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

  /** The status is the answer, even if its body broke off. */
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
    const body = Buffer.concat(this.#body).toString('utf8')
    this.#resolve({ status: this.#status, headers: this.#headers, body })
  }
}
