import type { IncomingMessage, ServerResponse } from 'node:http'

/** What a request asks for, as far as this server looks at it. */
export interface Request {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly acceptEncoding: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  /** Called once nothing of the answer is left to send, whether it arrived or not. */
  readonly done?: () => void
}

export const plain = (status: number, line: string): Answer => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: `${line}\n`,
})

/** Undefined where the target is none that can be read. Servers must take absolute targets too (RFC 9112, 3.2.2). */
export function requestOf({ method = 'GET', url = '/', headers }: IncomingMessage): Request | undefined {
  const [origin = ''] = /^https?:\/\/[^/?#]*/i.exec(url) ?? []
  const [, path = '', query = ''] = /^([^?#]*)\??([^#]*)/.exec(url.slice(origin.length)) ?? []
  const acceptEncoding = String(headers['accept-encoding'] ?? '')
  try {
    return { method, path: decodeURIComponent(path) || '/', query: new URLSearchParams(query), acceptEncoding }
  } catch {
    return undefined // a percent sign that stands for nothing: the caller says so
  }
}

/** Writes the answer; its length is known, so that HEAD tells what GET would. */
export function send({ status, headers, body }: Answer, response: ServerResponse): void {
  const length = Buffer.byteLength(body)
  response.writeHead(status, { 'x-content-type-options': 'nosniff', ...headers, 'content-length': length })
  response.end(body)
}
