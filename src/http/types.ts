import type { Dispatcher } from 'undici'
import type { ProxyOptions } from './transport/proxy.ts'
import type { TlsOptions } from './transport/tls.ts'

/** Connection options of an endpoint besides its URL. */
export interface Access {
  readonly tls?: TlsOptions
  readonly proxy?: ProxyOptions
  /** Order in which a connection tries the addresses of a name; default: in the order of the resolver. */
  readonly addresses?: 'in order' | 'at random'
}

/** Sends requests: a subset of undici's Dispatcher. Each request names its origin. */
export interface Sender extends Pick<Dispatcher, 'dispatch'> {
  /** Number of connections opened so far. If a request does not change it, the request reused a connection. */
  readonly opened?: number
  /** Secrets that are sent to a proxy; it may repeat them. */
  readonly secrets?: readonly string[]
  /** Closes the current connection after a failure, so that the next request opens another one. */
  renew?(): void
  close(): Promise<void>
  destroy(error?: Error): Promise<void>
}

export type Headers = Readonly<Record<string, string>>
