import { nowNs } from '../util/clock.ts'
import type { Connection } from './systemd/dbus.ts'

/** A datagram's answer, and when the one was sent and the other came: nanoseconds since the epoch. */
export interface Answer {
  readonly bytes: Buffer
  readonly sentNs: bigint
  readonly receivedNs: bigint
}

export interface Peer {
  readonly host: string
  readonly port: number
  /** How many routers it may pass. */
  readonly ttl: number
}

/** Programs on this host that answer over a socket. The signal ends whatever waits, and every connection. */
export interface Services {
  systemBus(signal: AbortSignal): Promise<Connection>
  /** systemd without the bus; for root. */
  systemd(signal: AbortSignal): Promise<Connection>
  /** Sends a datagram and waits for the first one back. */
  datagram(to: Peer, bytes: Uint8Array, signal: AbortSignal): Promise<Answer>
  /** Posts XML and gives what came back with status 200. `unix:///path` is the socket of a server's /RPC2. */
  post(url: string, xml: string, signal: AbortSignal): Promise<string>
}

/** An answer that is longer is none. */
const maxAnswerBytes = 8 * 1024 * 1024

const systemdAddress = 'unix:path=/run/systemd/private'

/** `busAddress` is the environment's DBUS_SYSTEM_BUS_ADDRESS. What is not asked for is not loaded. */
export function hostServices(busAddress = 'unix:path=/var/run/dbus/system_bus_socket'): Services {
  return {
    systemBus: async (signal) => (await import('./systemd/dbus.ts')).connectBus(busAddress, true, signal),
    systemd: async (signal) => (await import('./systemd/dbus.ts')).connectBus(systemdAddress, false, signal),
    datagram,
    post,
  }
}

async function datagram(to: Peer, bytes: Uint8Array, signal: AbortSignal): Promise<Answer> {
  const [{ createSocket }, { lookup }] = await Promise.all([import('node:dgram'), import('node:dns/promises')])
  const { address, family } = await lookup(to.host)
  const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', signal })
  try {
    return await new Promise<Answer>((resolve, reject) => {
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
  const { origin, path, authorization, ...connect } = targetOf(url)
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

interface Target {
  readonly origin: string
  readonly path: string
  readonly authorization?: string
  readonly socketPath?: string
}

function targetOf(text: string): Target {
  const url = new URL(text)
  const { protocol, username, password, origin } = url
  if (protocol === 'unix:')
    return { origin: 'http://unix', path: '/RPC2', socketPath: decodeURIComponent(url.pathname) }
  const path = url.pathname + url.search
  if (username === '') return { origin, path }
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { origin, path, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}
