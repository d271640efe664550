import type { Dispatcher } from 'undici'
import type { ProxyOptions } from './transport/proxy.ts'
import type { TlsOptions } from './transport/tls.ts'

/** How an endpoint is reached, beyond its URL. */
export interface Access {
  readonly tls?: TlsOptions
  readonly proxy?: ProxyOptions
  /** Which address of a name a connection tries first: as the resolver has them, if it is missing. */
  readonly addresses?: 'in order' | 'at random'
}

/** The part of undici that is needed to send, or a test's stand-in. A request names the origin that it is for. */
export interface Sender extends Pick<Dispatcher, 'dispatch'> {
  /** Connections opened so far: as many after a request as before it means that it went over a used one. */
  readonly opened?: number
  /** What a proxy is shown, and may say again. */
  readonly secrets?: readonly string[]
  /** The next request goes over another connection: this one did not serve. */
  renew?(): void
  close(): Promise<void>
  destroy(error?: Error): Promise<void>
}

export type Headers = Readonly<Record<string, string>>
