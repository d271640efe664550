import type { Socket } from 'node:net'
import type { buildConnector, Client, Dispatcher } from 'undici'
import type { Clock } from '../../util/clock.ts'
import { wordsOf } from './error-text.ts'
import type { ForwardProxy } from './proxy.ts'
import { Resolver } from './resolver.ts'
import type { Party, Trust } from './tls.ts'

/** What connections are made of, loaded as far as it is needed. */
export interface Kit {
  readonly Client: typeof Client
  readonly build: typeof buildConnector
  readonly clock: Clock
  readonly trust: Trust
  readonly proxyFor: ((target: URL) => ForwardProxy | undefined) | undefined
  readonly connectHeaders: () => Readonly<Record<string, string[]>>
  readonly addresses: 'in order' | 'at random'
  /** A connection is open. */
  readonly onOpen: () => void
}

/** From the beginning of a connection to its last handshake. */
const connectMs = 10_000

/**
 * An address that has not answered by then is given up for the next one; the last one has until `connectMs`. Node's own
 * 250 ms are less than a mobile link may take, and two seconds leave room for one lost packet.
 */
const addressMs = 2000

/** Idle connections are closed by us before a load balancer (60 s) or a NAT (from 30 s) does it unseen. */
const idleMs = 25_000

/** Older connections are closed after their request, so that a name that moved is followed. */
const maxAgeMs = 300_000

/** How long an answer's body may pause: its status is what matters. */
const bodyPauseMs = 5000

type Callback = buildConnector.Callback

/** The one connection to an origin, opened when it is needed: HTTP/1.1, straight or through a proxy. */
export class OriginClient {
  readonly #target: URL
  readonly #party: Party
  readonly #kit: Kit
  readonly #client: Client
  readonly #proxy: ForwardProxy | undefined
  readonly #resolver: Resolver
  #socket: Socket | undefined
  #bornMs = 0
  /** Where the newest connection went; a socket that is closed does not know any more. */
  #address: string | undefined
  /** The newest TLS session. It makes the next handshake short. */
  #session: Buffer | undefined

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
      headersTimeout: 0, // an attempt has a deadline of its own
      bodyTimeout: bodyPauseMs,
      connect: (options, done) => this.#open(options, done),
    })
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (this.#isSecured && this.#kit.trust.refresh()) {
      this.#session = undefined
      this.#socket?.destroy()
    }
    const isOpen = this.#socket?.destroyed === false
    const isOld = isOpen && this.#kit.clock.monotonicMs() - this.#bornMs > maxAgeMs
    const request = isOld ? { ...options, reset: true } : options
    return this.#client.dispatch(this.#forwards ? this.#forwarded(request) : request, handler)
  }

  /** The next request goes over another connection, to another address if there is one. */
  renew(): void {
    this.#resolver.avoid(this.#address)
    this.#socket?.destroy()
  }

  destroy(): Promise<void> {
    return this.#client.destroy()
  }

  /** TLS is spoken, to the target or to the proxy. */
  get #isSecured(): boolean {
    return this.#target.protocol === 'https:' || this.#proxy?.url.protocol === 'https:'
  }

  /** A request for http:// goes to the proxy itself, one for https:// through it. */
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

  #open(asked: buildConnector.Options, done: Callback): void {
    const { servername: _, ...options } = asked // undici takes it from the Host header, which may be another's
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

  #keep(socket: Socket & { getSession?(): Buffer | undefined }): void {
    this.#socket = socket
    this.#address = socket.remoteAddress
    this.#bornMs = this.#kit.clock.monotonicMs()
    this.#session = socket.getSession?.()
    socket.on('session', (session: Buffer) => {
      this.#session = session
    })
    this.#kit.onOpen()
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
        // Of its own kind: undici would try a broken socket again and again.
        onResponseError: (_controller, error) => over(new Error(`proxy ${url.host}: ${wordsOf(error)}`), null),
      },
    )
  }
}
