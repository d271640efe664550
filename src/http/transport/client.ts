import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { buildConnector, Client, Dispatcher } from 'undici'
import type { Clock } from '../../util/clock.ts'
import { wordsOf } from './error-text.ts'
import type { ForwardProxy } from './proxy.ts'
import { Resolver } from './resolver.ts'
import type { Party, Trust } from './tls.ts'

/** Dependencies of a connection; TLS and proxy support are loaded only if needed. */
export interface Kit {
  readonly Client: typeof Client
  readonly build: typeof buildConnector
  readonly clock: Clock
  readonly trust: Trust
  readonly proxyFor: ((target: URL) => ForwardProxy | undefined) | undefined
  readonly connectHeaders: () => Readonly<Record<string, string[]>>
  readonly addresses: 'in order' | 'at random'
  /** Called for each opened connection. */
  readonly onOpen: () => void
}

/** Timeout of a connection, from its start to its last handshake, milliseconds. */
const connectMs = 10_000

/**
 * Timeout of one address before the next address is tried; the last one has until `connectMs`. Node's default of 250 ms is
 * too short for a mobile link, and two seconds allow for one lost packet.
 */
const addressMs = 2000

/** hostpush closes idle connections before a load balancer (60 s) or a NAT (from 30 s) drops them silently. */
const idleMs = 25_000

/** Older connections are closed after their request, so that a changed DNS record takes effect. */
const maxAgeMs = 300_000

/** Timeout between two parts of an answer's body. Short, because only the status decides the outcome. */
const bodyPauseMs = 5000

type Callback = buildConnector.Callback

/**
 * When the first certificate of a chain expires. A certificate that is already expired is not part of the verified chain: a
 * server may send several.
 */
function expiryOf(certificate: X509Certificate | undefined, nowMs: number): number {
  let first = Number.POSITIVE_INFINITY
  let one = certificate
  for (let depth = 0; one !== undefined && depth < maxChain; depth++) {
    const expiryMs = one.validToDate.getTime()
    if (expiryMs > nowMs) first = Math.min(first, expiryMs)
    one = one.issuerCertificate
  }
  return first
}

/** A root certificate is its own issuer. */
const maxChain = 10

/** One HTTP/1.1 connection to an origin, direct or through a proxy. Opened on demand. */
export class OriginClient {
  readonly #target: URL
  readonly #party: Party
  readonly #kit: Kit
  readonly #client: Client
  readonly #proxy: ForwardProxy | undefined
  readonly #resolver: Resolver
  #socket: Socket | undefined
  #openedAtMs = 0
  /** Remote address of the newest connection; a closed socket no longer has it. */
  #address: string | undefined
  /** The newest TLS session, for a short next handshake. */
  #session: Buffer | undefined
  /** When a certificate of the last full handshake expires; a resumed session does not check them again. */
  #validUntilMs = Number.POSITIVE_INFINITY

  constructor(target: URL, party: Party, kit: Kit) {
    this.#target = target
    this.#party = party
    this.#kit = kit
    this.#resolver = new Resolver(kit.addresses)
    this.#proxy = kit.proxyFor?.(target)
    this.#client = new kit.Client(this.#forwards ? (this.#proxy?.url.origin ?? '') : target.origin, {
      pipelining: 1,
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: idleMs,
      headersTimeout: 0, // the attempt has its deadline
      bodyTimeout: bodyPauseMs,
      connect: (options, done) => this.#open(options, done),
    })
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (this.#isSecured && this.#kit.trust.refresh()) {
      this.#session = undefined
      this.#socket?.destroy()
    }
    if (this.#kit.clock.now() >= this.#validUntilMs) this.#endSession()
    const isOpen = this.#socket?.destroyed === false
    const isOld = isOpen && this.#kit.clock.monotonicMs() - this.#openedAtMs > maxAgeMs
    const request = isOld ? { ...options, reset: true } : options
    return this.#client.dispatch(this.#forwards ? this.#forwarded(request) : request, handler)
  }

  /** Closes the connection. The next one tries other addresses first. */
  renew(): void {
    this.#resolver.avoid(this.#address)
    this.#socket?.destroy()
  }

  destroy(): Promise<void> {
    return this.#client.destroy()
  }

  /** Whether the target or the proxy uses TLS. */
  get #isSecured(): boolean {
    return this.#target.protocol === 'https:' || this.#proxy?.url.protocol === 'https:'
  }

  /** Whether the request goes to the proxy itself (http:// targets) instead of through a tunnel (https://). */
  get #forwards(): boolean {
    return this.#proxy !== undefined && this.#target.protocol === 'http:'
  }

  #forwarded(options: Dispatcher.DispatchOptions): Dispatcher.DispatchOptions {
    const headers = { ...(options.headers as Record<string, string>), host: this.#target.host, ...this.#toProxy() }
    return { ...options, path: `${this.#target.origin}${options.path}`, headers }
  }

  #toProxy(): Record<string, string> {
    const { authorization } = this.#proxy ?? {}
    return authorization === undefined ? {} : { 'proxy-authorization': authorization.reveal() }
  }

  #open(requested: buildConnector.Options, done: Callback): void {
    const { servername: _, ...options } = requested // undici derives it from the Host header, which may name another host
    const opened: Callback = (error, socket) => {
      if (error !== null) {
        this.#session = undefined
        done(error, null)
        return
      }
      this.#keep(socket)
      done(null, socket)
    }
    const connector = this.#connector(this.#forwards ? 'other' : this.#party, this.#session)
    if (this.#proxy === undefined || this.#forwards) {
      connector(options, opened)
      return
    }
    this.#tunnel(this.#proxy, (error, socket) => {
      if (error !== null) opened(error, null)
      else connector({ ...options, httpSocket: socket }, opened)
    })
  }

  /** The next connection verifies the receiver's certificate again. */
  #endSession(): void {
    this.#session = undefined
    this.#validUntilMs = Number.POSITIVE_INFINITY
    this.#socket?.destroy()
  }

  #keep(socket: Socket | TLSSocket): void {
    this.#socket = socket
    this.#address = socket.remoteAddress
    this.#openedAtMs = this.#kit.clock.monotonicMs()
    this.#kit.onOpen()
    if (!('getSession' in socket)) return
    this.#session = socket.getSession()
    if (socket.authorized && !socket.isSessionReused())
      this.#validUntilMs = expiryOf(socket.getPeerX509Certificate(), this.#kit.clock.now())
    socket.on('session', (session: Buffer) => {
      this.#session = session
    })
  }

  #connector(party: Party, session: Buffer | undefined): buildConnector.connector {
    return this.#kit.build({
      allowH2: false,
      timeout: connectMs,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: addressMs,
      lookup: this.#resolver.lookup,
      ...this.#kit.trust.connectionOptions(party),
      ...(session && { session }),
    } as buildConnector.BuildOptions)
  }

  /** https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6 */
  #tunnel({ url }: ForwardProxy, done: Callback): void {
    const { Client, connectHeaders } = this.#kit
    const client = new Client(url.origin, { connect: this.#connector('other', undefined), headersTimeout: connectMs })
    const path = `${this.#target.hostname}:${this.#target.port || 443}`
    const over: Callback = (...result) => {
      void client.destroy()
      done(...result)
    }
    client.dispatch(
      { method: 'CONNECT', path, headers: { ...connectHeaders(), ...this.#toProxy(), host: path } },
      {
        onRequestStart() {},
        onRequestUpgrade(_controller, status, _headers, socket) {
          if (status >= 200 && status < 300) {
            over(null, socket as Socket)
            return
          }
          socket.destroy()
          over(new Error(`proxy ${url.host} rejected CONNECT to ${path}: HTTP ${status}`), null)
        },
        // Wrapped, because undici retries a socket error without end.
        onResponseError: (_controller, error) => over(new Error(`proxy ${url.host}: ${wordsOf(error)}`), null),
      },
    )
  }
}
