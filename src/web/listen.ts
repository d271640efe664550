import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '../util/clock.ts'
import { type Log, messageOf, report } from '../util/log.ts'
import { LineRate } from '../util/log-rate.ts'
import { type Answer, plain, type Request, requestOf, send } from './answer.ts'
import { Connections } from './connections.ts'
import type { Admission, Gate } from './gate.ts'
import { messages } from './messages.ts'

/** Address to listen on; all interfaces if `host` is undefined. */
export interface Address {
  readonly host: string | undefined
  readonly port: number
}

export interface Listener {
  /** The bound address, with the port that the kernel chose for port 0. */
  readonly address: string
  /** Resolves when all answers are sent, or when the signal aborts. */
  close(deadline: AbortSignal): Promise<void>
}

/** Limits for clients. The server closes the connection of a client that exceeds one. */
const limits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** Longer than a usual scrape interval, so that a scraper can reuse its connection. */
  keepAliveTimeout: 75_000,
  /** How often the server checks `headersTimeout` and `requestTimeout`. */
  connectionsCheckingInterval: 5000,
} as const satisfies ServerOptions
const socketTimeoutMs = 30_000

const admitted: Admission = { headers: {} }
const badRequest: Answer = plain(400, '400 Bad Request')

/** Parses `host:port`, `:port` or `[::1]:port`. Throws an Error if the address is invalid. */
export function addressOf(text: string): Address {
  const [, bracketed, bare, digits = ''] = /^(?:\[([^\]]+)\]|([^:[\]/]*)):(\d{1,5})$/.exec(text) ?? []
  const port = digits === '' ? Number.NaN : Number(digits)
  if (!(port <= 65535))
    throw new Error(`web: listen address ${JSON.stringify(text)} is not host:port, :port or [ipv6]:port`)
  return { host: bracketed ?? (bare || undefined), port }
}

/** A listening socket, inherited from systemd. */
export interface Inherited {
  readonly fd: number
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
  /** Authentication and TLS; default: none. */
  readonly gate?: Gate | undefined
}

/** Serves the answers of `answer` until it is closed. Throws an Error that names the address and the remedy. */
export async function listenOn(
  at: Address | Inherited,
  answer: (request: Request) => Answer | Promise<Answer>,
  { clock, log, gate }: Deps,
): Promise<Listener> {
  const server = await serverOf(gate, log)
  server.timeout = socketTimeoutMs
  let open = 0
  let closing = false
  const connections = new Connections(clock)
  server.prependListener('connection', (socket: Socket) => connections.add(socket))
  const respond = async (incoming: IncomingMessage, response: ServerResponse) => {
    open++
    const over = new Promise((resolve) => response.once('close', resolve))
    const request = requestOf(incoming)
    const { done, ...reply } = await guarded(async () => {
      const { headers, rejection } = (await gate?.admit(incoming)) ?? admitted
      const result = rejection ?? (request === undefined ? badRequest : await answer(request))
      return { ...result, headers: { ...result.headers, ...headers } }
    }, log)
    send(reply, response)
    await over
    done?.()
    open--
    if (closing && open === 0) server.closeAllConnections()
  }
  server.on('request', (incoming, response) => {
    connections.handle(incoming.socket, () => respond(incoming, response))
  })
  await listening(server, at)
  const failures = new LineRate(clock)
  server.on('error', (error) => {
    if (failures.next('', error.message) !== undefined) report(log, messages.connectionFailed, { err: error })
  })
  const bound = server.address() as AddressInfo | string | null // a string is the path of a Unix socket
  return {
    address:
      typeof bound === 'object' && bound !== null ? shown({ host: bound.address, port: bound.port }) : String(bound),
    async close(deadline) {
      const cut = () => server.closeAllConnections()
      const closed = new Promise((resolve) => server.close(resolve))
      closing = true
      if (open === 0 || deadline.aborted) cut()
      else deadline.addEventListener('abort', cut, { once: true })
      await closed
      deadline.removeEventListener('abort', cut)
    },
  }
}

async function serverOf(gate: Gate | undefined, log: Log): Promise<Server> {
  if (gate?.protection()?.tls === undefined) return (await import('node:http')).createServer(limits)
  const { createSecureServer } = await import('./secure.ts')
  return createSecureServer(limits, gate, log)
}

async function guarded(answer: () => Answer | Promise<Answer>, log: Log): Promise<Answer> {
  try {
    return await answer()
  } catch (error) {
    report(log, messages.requestFailed, { err: error })
    return plain(500, 'Internal error. See the log of hostpush.')
  }
}

/** Resolves when the server listens. */
function listening(server: Server, at: Address | Inherited): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const why = reasons[error.code ?? ''] ?? messageOf(error)
      if ('fd' in at) reject(new Error(`web: cannot listen on socket ${at.fd} of systemd: ${why}`))
      else reject(new Error(`web: cannot listen on ${shown(at)}: ${why}; choose another with --web.listen-address`))
    }
    server.once('error', failed)
    const where = 'fd' in at ? at : { port: at.port, ...(at.host === undefined ? {} : { host: at.host }) }
    server.listen(where, () => {
      server.off('error', failed)
      resolve()
    })
  })
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process uses this port (find it with `ss -ltnp`)',
  EACCES: 'a port below 1024 needs CAP_NET_BIND_SERVICE',
  EADDRNOTAVAIL: 'no interface of this host has this address',
  ENOTFOUND: 'this host name is unknown',
}

function shown({ host = '', port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
