import type { Clock } from '../../util/clock.ts'
import type { Headers } from '../types.ts'

/** The request that needs credentials. */
export interface Unsigned {
  readonly method: string
  readonly url: URL
  readonly body: Uint8Array
  readonly clock: Clock
  /** Aborts at the end of the attempt. */
  readonly signal: AbortSignal
}

/** Authenticates requests. Never sent to another host. */
export interface Credentials {
  /** Authentication headers, called for each request because files may change. Throws if no credentials are available. */
  headersFor(request: Unsigned): Headers | Promise<Headers>
  /** Drops cached credentials after the receiver rejected them. Missing if nothing is cached. */
  forget?(): void
}
