import { type AddressInfo, createServer, type Socket } from 'node:net'

import type { TestContext } from 'node:test'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { createRequester, type Target } from '../../src/http/request.ts'
import type { Outcome } from '../../src/http/retry/outcome.ts'
import { connect } from '../../src/http/transport/connection.ts'
import type { Access } from '../../src/http/types.ts'
import { type Clock, systemClock } from '../../src/util/clock.ts'

/** One request in the bytes of the connection. */
export interface RawRequest {
  readonly number: number
  /** Number of its connection, from 1. */
  readonly connection: number
  readonly line: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface RawServer {
  readonly port: number
  readonly requests: readonly RawRequest[]
  readonly connections: number
  close(): Promise<void>
}

interface Setting {
  readonly tls?: TlsOptions
  readonly host?: string
  readonly port?: number
}

/** A server whose test writes each response byte by byte. */
export async function rawServer(
  t: TestContext,
  answer: (socket: Socket, request: RawRequest) => void,
  { tls, host = '127.0.0.1', port = 0 }: Setting = {},
): Promise<RawServer> {
  const requests: RawRequest[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const serve = (socket: Socket) => {
    const connection = ++connections
    sockets.add(socket)
    socket.on('error', () => {}) // the client may reset it
    socket.on('close', () => sockets.delete(socket))
    let seen = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk])
      for (;;) {
        const parsed = requestIn(seen)
        if (parsed === undefined) return
        seen = seen.subarray(parsed.length)
        const request = { number: requests.length + 1, connection, ...parsed.request }
        requests.push(request)
        answer(socket, request)
      }
    })
  }
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
  server.on('tlsClientError', () => {}) // some tests cause it
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  t.after(close)
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    get connections() {
      return connections
    },
    close,
  }
}

function requestIn(bytes: Buffer) {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [line = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers = Object.fromEntries(
    lines.map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 1).trim()]),
  ) as Record<string, string>
  const length = end + 4 + Number(headers['content-length'] ?? 0)
  if (bytes.length < length) return undefined
  return { length, request: { line, headers, body: Buffer.from(bytes.subarray(end + 4, length)) } }
}

/** An answer as text. */
export function answerOf(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): string {
  const lines = Object.entries({ 'content-length': String(Buffer.byteLength(body)), ...headers })
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return status === 204 ? 'HTTP/1.1 204 No Content\r\n\r\n' : `HTTP/1.1 ${status} Said\r\n${text}\r\n${body}`
}

export interface Poster {
  post(body?: string, signal?: AbortSignal): Promise<Outcome>
}

/** Sends to a URL in the way of an output. */
export async function poster(
  t: TestContext,
  url: string,
  { clock = systemClock, ...more }: Partial<Target> & { access?: Access; clock?: Clock } = {},
) {
  const target = { url: new URL(url), headers: () => ({}), timeoutMs: 5000, ...more }
  const requester = createRequester(target, await connect(target.url.origin, more.access, clock), clock)
  t.after(() => requester.close())
  const forEver = new AbortController().signal
  return {
    post: (body = 'samples', signal = forEver) =>
      requester.post(Buffer.from(body), { 'content-type': 'application/x-protobuf' }, signal),
  } satisfies Poster
}
