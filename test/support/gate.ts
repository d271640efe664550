import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Owner } from './servers.ts'

/** What the gate does with the next requests. */
interface Rule {
  /** It answers with this status and stores nothing. */
  readonly status?: number
  readonly body?: string
  /** It forwards this number of requests, then it closes. */
  readonly admits?: number
}

/** A proxy in front of a receiver. It counts the answers, refuses connections on demand, and can answer itself. */
export class Gate {
  /** Numbers of answers by status. 0: the receiver gave no answer. */
  readonly answers = new Map<number, number>()
  readonly url: string
  readonly #target: () => string
  readonly #port: number
  readonly #sockets = new Set<Socket>()
  readonly #upstream = new Agent({ keepAlive: true })
  #server: ReturnType<typeof createServer>
  #rule: Rule = {}
  #onClosed: (() => void) | undefined

  private constructor(server: ReturnType<typeof createServer>, target: () => string) {
    this.#server = server
    this.#target = target
    this.#port = (server.address() as AddressInfo).port
    this.url = `http://127.0.0.1:${this.#port}`
    this.#serve()
  }

  /** `target` returns the URL of the receiver's API for writes. The path of a request is ignored. */
  static async create(owner: Owner, target: () => string): Promise<Gate> {
    const gate = new Gate(await listening(0), target)
    owner.after(() => {
      gate.close()
      gate.#upstream.destroy()
    })
    return gate
  }

  /** Refuses connections, as a receiver that is not running does. */
  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    this.#onClosed?.()
    this.#onClosed = undefined
  }

  /** Listens again, or ends the answers of its own. */
  async open(): Promise<void> {
    this.#rule = {}
    await this.#listen()
  }

  /** Answers every request itself. */
  async answer(status: number, body = ''): Promise<void> {
    this.#rule = { status, body }
    await this.#listen()
  }

  /** Forwards this number of requests and closes. Resolves when it listens; `closed` resolves when it is closed. */
  async admit(count: number): Promise<{ readonly closed: () => Promise<void> }> {
    const closed = new Promise<void>((resolve) => (this.#onClosed = resolve))
    this.#rule = { admits: count }
    await this.#listen()
    return { closed: () => closed }
  }

  async #listen(): Promise<void> {
    if (this.#server.listening) return
    this.#server = await listening(this.#port)
    this.#serve()
  }

  #serve(): void {
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('request', (incoming, response) => this.#handle(incoming, response))
  }

  #handle(incoming: IncomingMessage, response: ServerResponse): void {
    const { status, body, admits } = this.#rule
    if (admits === 0) {
      incoming.socket.destroy()
      return
    }
    if (admits !== undefined) this.#rule = { admits: admits - 1 }
    if (status === undefined) this.#forward(incoming, response, admits === 1)
    else {
      this.#count(status)
      incoming.resume().on('end', () => response.writeHead(status).end(body))
    }
  }

  #forward(incoming: IncomingMessage, response: ServerResponse, isLast: boolean): void {
    const url = new URL(this.#target())
    const headers = { ...incoming.headers, host: url.host }
    const onward = request(url, { method: incoming.method ?? 'POST', headers, agent: this.#upstream }, (reply) => {
      const status = reply.statusCode ?? 0
      this.#count(status)
      response.writeHead(status, reply.headers)
      reply.pipe(response)
      response.on('finish', () => isLast && this.close())
    })
    onward.on('error', () => {
      if (incoming.socket.destroyed) return
      this.#count(0)
      incoming.socket.destroy()
    })
    response.on('close', () => !response.writableFinished && onward.destroy())
    incoming.pipe(onward)
  }

  #count(status: number): void {
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1)
  }
}

async function listening(port: number): Promise<ReturnType<typeof createServer>> {
  const server = createServer({ keepAliveTimeout: 300_000 })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  return server
}
