import { nowNs } from '../util/clock.ts'
import { raceAbort } from '../util/deadline.ts'
import { codeOf } from './fs/files.ts'
import type { Connection } from './systemd/dbus.ts'

/** The answer to a datagram, with the times of sending and receiving: nanoseconds since the epoch. */
export interface DatagramAnswer {
  readonly bytes: Buffer
  readonly sentNs: bigint
  readonly receivedNs: bigint
}

export interface Peer {
  readonly host: string
  readonly port: number
  /** IP time to live; 0: the system's default. */
  readonly ttl: number
}

export interface GetOptions {
  /** Aborts the request at any stage: name resolution, connection, answer. */
  readonly signal: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
  /** Maximum body size before decoding; a longer body is an error. */
  readonly maxBytes: number
}

/** An HTTP answer of any status. */
export interface HttpAnswer {
  readonly status: number
  /** Headers by name in lower case; values of a repeated header are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** The body as it was received: a content encoding such as gzip is left to the caller. */
  readonly bytes: Uint8Array
}

/** Programs that answer over a socket. The signal ends every wait and every connection. */
export interface Services {
  systemBus(signal: AbortSignal): Promise<Connection>
  /** systemd's private socket, without the bus; only for root. */
  systemd(signal: AbortSignal): Promise<Connection>
  /** Sends a datagram and waits for the first answer. */
  datagram(to: Peer, bytes: Uint8Array, signal: AbortSignal): Promise<DatagramAnswer>
  /** Posts XML and returns the body of an answer with status 200. `unix:///path` is the socket of a server's /RPC2. */
  post(url: string, xml: string, signal: AbortSignal): Promise<string>
  /**
   * Requests `http://…`, `https://…` or `unix:///SOCKET:/PATH` by HTTP/1.1 without following redirects. A user name and
   * a password in the URL become basic authentication. Throws if there is no complete answer, or one above `maxBytes`.
   */
  get(url: string, options: GetOptions): Promise<HttpAnswer>
}

/** A longer answer is an error. */
const maxAnswerBytes = 8 * 1024 * 1024

const systemdAddress = 'unix:path=/run/systemd/private'

/** `busAddress` is DBUS_SYSTEM_BUS_ADDRESS of the environment. Libraries are loaded on the first use. */
export function hostServices(busAddress = 'unix:path=/var/run/dbus/system_bus_socket'): Services {
  return {
    systemBus: async (signal) => (await import('./systemd/dbus.ts')).connectBus(busAddress, true, signal),
    systemd: async (signal) => (await import('./systemd/dbus.ts')).connectBus(systemdAddress, false, signal),
    datagram,
    post,
    get,
  }
}

async function datagram(to: Peer, bytes: Uint8Array, signal: AbortSignal): Promise<DatagramAnswer> {
  const [{ createSocket }, { lookup }] = await Promise.all([import('node:dgram'), import('node:dns/promises')])
  const { address, family } = await lookup(to.host)
  const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', signal })
  try {
    return await new Promise<DatagramAnswer>((resolve, reject) => {
      let sentNs = 0n
      socket.once('error', reject)
      socket.once('close', () => reject(signal.reason))
      socket.once('message', (answer) => resolve({ bytes: answer, sentNs, receivedNs: nowNs() }))
      socket.connect(to.port, address, () => {
        if (to.ttl > 0) socket.setTTL(to.ttl)
        sentNs = nowNs()
        socket.send(bytes)
      })
    })
  } catch (error) {
    throw new Error(`no answer from ${to.host}, port ${to.port}`, { cause: error })
  } finally {
    if (!signal.aborted) socket.close()
  }
}

async function post(url: string, xml: string, signal: AbortSignal): Promise<string> {
  const { Client } = await import('undici')
  const { origin, path, authorization, ...connect } = targetOf(url, '/RPC2')
  const client = new Client(origin, { connect, maxResponseSize: maxAnswerBytes })
  try {
    const headers = { 'content-type': 'text/xml', ...(authorization === undefined ? {} : { authorization }) }
    const { statusCode, body } = await client.request({ path, method: 'POST', headers, body: xml, signal })
    const text = await body.text()
    if (statusCode === 200) return text
    throw new Error(`status ${statusCode}`)
  } catch (error) {
    throw new Error(`no answer from ${new URL(url).host || url}`, { cause: error })
  } finally {
    await client.destroy()
  }
}

async function get(url: string, { signal, headers = {}, maxBytes }: GetOptions): Promise<HttpAnswer> {
  signal.throwIfAborted()
  return raceAbort(signal, request(url, { signal, headers, maxBytes }))
}

async function request(url: string, { signal, headers, maxBytes }: Required<GetOptions>): Promise<HttpAnswer> {
  const { origin, path, authorization, ...connect } = targetOf(url, '/')
  const name = connect.socketPath ?? new URL(url).host
  const { Client } = await import('undici')
  // The signal is the only deadline of the answer.
  const limits = { maxResponseSize: maxBytes, headersTimeout: 0, bodyTimeout: 0, allowH2: false }
  const client = new Client(origin, { connect, ...limits })
  try {
    const sent = { ...(authorization === undefined ? {} : { authorization }), ...headers }
    const answer = await client.request({ path, method: 'GET', headers: sent, signal })
    const received = Object.entries(answer.headers).map(([key, value]) => [key, [value].flat().join(', ')])
    const bytes = await answer.body.bytes()
    return { status: answer.statusCode, headers: Object.fromEntries(received), bytes }
  } catch (error) {
    const isTooLarge = codeOf(error) === 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
    throw new Error(isTooLarge ? `${name}: the answer exceeds ${maxBytes} bytes` : `no answer from ${name}`, {
      cause: error,
    })
  } finally {
    await client.destroy()
  }
}

interface Target {
  readonly origin: string
  readonly path: string
  readonly authorization?: string
  readonly socketPath?: string
}

/** `defaultPath` is requested where a Unix socket is named without a path after `:`. */
function targetOf(text: string, defaultPath: string): Target {
  const url = new URL(text)
  const { protocol, username, password, origin } = url
  if (protocol === 'unix:') {
    const [, socket = url.pathname, path = defaultPath] = /^(.*?):(\/.*)$/.exec(url.pathname) ?? []
    return { origin: 'http://unix', path: path + url.search, socketPath: decodeURIComponent(socket) }
  }
  const path = url.pathname + url.search
  if (username === '') return { origin, path }
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { origin, path, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}
