import type { IncomingMessage, ServerResponse } from 'node:http'
import { clientOf } from './rate-limit.ts'

/** The parts of a request that this server uses. */
export interface Request {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly acceptEncoding: string
  /** The address of the client. */
  readonly client: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  /** Called when the connection has sent the answer or is closed. */
  readonly done?: () => void
}

export const plain = (status: number, line: string): Answer => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: `${line}\n`,
})

/** Undefined if the request target is invalid. Servers must accept absolute targets too (RFC 9112, 3.2.2). */
export function requestOf({ method = 'GET', url = '/', headers, socket }: IncomingMessage): Request | undefined {
  const [origin = ''] = /^https?:\/\/[^/?#]*/i.exec(url) ?? []
  const [, path = '', query = ''] = /^([^?#]*)\??([^#]*)/.exec(url.slice(origin.length)) ?? []
  const acceptEncoding = String(headers['accept-encoding'] ?? '')
  try {
    const client = clientOf(socket.remoteAddress)
    return { method, path: decodeURIComponent(path) || '/', query: new URLSearchParams(query), acceptEncoding, client }
  } catch {
    return undefined // invalid percent-encoding
  }
}

/** Writes the answer. It always has a content-length, so HEAD and GET have the same headers. */
export function send({ status, headers, body }: Answer, response: ServerResponse): void {
  const length = Buffer.byteLength(body)
  response.writeHead(status, { 'x-content-type-options': 'nosniff', ...headers, 'content-length': length })
  response.end(body)
}
