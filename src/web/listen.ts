import type { Server, ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Log, messageOf, report } from '../util/log.ts'
import { type Answer, plain, type Request, requestOf, send } from './answer.ts'
import type { Admission, Gate } from './gate.ts'
import { messages } from './messages.ts'

/** Where to listen; every interface, if there is no host. */
export interface Address {
  readonly host: string | undefined
  readonly port: number
}

export interface Listener {
  /** As bound: with the port that the kernel chose where 0 was asked for. */
  readonly address: string
  /** Ends when the last answer is through, or when the signal aborts. */
  close(deadline: AbortSignal): Promise<void>
}

/** What a client may cost. One that is slower, or sends more, is cut off. */
const limits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** Longer than scrapers pause, so that they need not connect anew each time. */
  keepAliveTimeout: 75_000,
} as const satisfies ServerOptions
const silenceMs = 30_000
const maxConnections = 256

const nothingAsked: Admission = { headers: {} }
const badRequest: Answer = plain(400, '400 Bad Request')

/** `host:port`, `:port` or `[::1]:port`. Throws an Error that says what is wrong with it. */
export function addressOf(text: string): Address {
  const [, bracketed, bare, digits = ''] = /^(?:\[([^\]]+)\]|([^:[\]/]*)):(\d{1,5})$/.exec(text) ?? []
  const port = digits === '' ? Number.NaN : Number(digits)
  if (!(port <= 65535))
    throw new Error(`web: listen address ${JSON.stringify(text)} is not host:port, :port or [ipv6]:port`)
  return { host: bracketed ?? (bare || undefined), port }
}

/** A socket that listens already, handed down by whoever started the agent. */
export interface Inherited {
  readonly fd: number
}

interface Deps {
  readonly log: Log
  /** Who is let in, and how; anybody where it is missing. */
  readonly gate?: Gate | undefined
}

/** Serves what `answer` gives until it is closed. Throws an Error that names the address and what to do. */
export async function listenOn(
  at: Address | Inherited,
  answer: (request: Request) => Answer | Promise<Answer>,
  { log, gate }: Deps,
): Promise<Listener> {
  const server = await serverOf(gate, log)
  server.timeout = silenceMs
  server.maxConnections = maxConnections
  let open = 0
  let closing = false
  server.on('request', async (incoming, response) => {
    open++
    const over = new Promise((resolve) => response.once('close', resolve))
    const request = requestOf(incoming)
    const { done, ...reply } = await guarded(async () => {
      const { headers, refusal } = (await gate?.admit(incoming)) ?? nothingAsked
      const given = refusal ?? (request === undefined ? badRequest : await answer(request))
      return { ...given, headers: { ...given.headers, ...headers } }
    }, log)
    send(reply, response)
    await over
    done?.()
    open--
    if (closing && open === 0) server.closeAllConnections()
  })
  await begun(server, at)
  server.on('error', (error) => report(log, messages.connectionFailed, { err: error }))
  const bound = server.address() as AddressInfo | string | null // a path, of a Unix socket
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
function begun(server: Server, at: Address | Inherited): Promise<void> {
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
