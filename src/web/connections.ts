import type { Socket } from 'node:net'
import type { Clock } from '../util/clock.ts'
import { clientOf } from './rate-limit.ts'

/** Maximum number of open connections of a listener. */
const maxConnections = 256

/** Requests that may wait on one connection (HTTP pipelining) for the answer to an earlier one. */
const maxWaiting = 32

/** A connection without a complete request is half-open after this time. */
const halfOpenMs = 1000

interface Connection {
  readonly socket: Socket
  readonly client: string
  readonly sinceMs: number
  /** Requests without an answer, and whether there was any request. */
  requests: number
  hasRequested: boolean
  last: Promise<unknown>
}

/**
 * The connections of a listener. Above the limit, each new connection closes another one: one of the client with the most
 * connections; of those a half-open one, else an idle one, else the oldest. So half-open connections never shut out a
 * client. The requests of one connection are handled one at a time.
 */
export class Connections {
  /** By address and port of the client: with TLS, the socket of a request is another object than that of the connection. */
  readonly #open = new Map<string, Connection>()
  readonly #clock: Clock
  #anonymous = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(socket: Socket): void {
    const key = keyOf(socket) ?? `unnamed ${this.#anonymous++}`
    const client = clientOf(socket.remoteAddress)
    const sinceMs = this.#clock.monotonicMs()
    const connection = { socket, client, sinceMs, requests: 0, hasRequested: false, last: Promise.resolve() }
    this.#open.set(key, connection)
    socket.once('close', () => {
      if (this.#open.get(key) === connection) this.#open.delete(key)
    })
    if (this.#open.size > maxConnections) this.#closeOne(key)
  }

  /** Handles a request after the earlier requests of its connection; not at all if the connection is closed by then. */
  handle(socket: Socket, work: () => Promise<void>): void {
    const connection = this.#open.get(keyOf(socket) ?? '')
    if (connection === undefined) return void (socket.destroyed || work()) // a Unix socket
    if (connection.requests >= maxWaiting) return void connection.socket.destroy()
    connection.requests++
    connection.hasRequested = true
    const handled = connection.last.then(() => (socket.destroyed ? undefined : work()))
    connection.last = handled.finally(() => {
      connection.requests--
    })
  }

  #closeOne(newest: string): void {
    const others = [...this.#open].filter(([key]) => key !== newest)
    const counts = Map.groupBy(others, ([, { client }]) => client)
    const most = Math.max(...[...counts.values()].map(({ length }) => length))
    const candidates = [...counts.values()].filter(({ length }) => length === most).flat()
    const [worst] = candidates.toSorted(([, left], [, right]) => this.#worth(left) - this.#worth(right)) // stable: the oldest first
    if (worst === undefined) return
    const [key, { socket }] = worst
    this.#open.delete(key) // its event `close` comes later
    socket.destroy()
  }

  #worth({ requests, hasRequested, sinceMs }: Connection): number {
    if (requests > 0) return 3
    if (hasRequested) return 1
    return this.#clock.monotonicMs() - sinceMs > halfOpenMs ? 0 : 2
  }
}

const keyOf = ({ remoteAddress, remotePort }: Socket): string | undefined =>
  remotePort === undefined ? undefined : `${remoteAddress} ${remotePort}`
