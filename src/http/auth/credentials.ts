import type { Clock } from '../../util/clock.ts'
import type { Headers } from '../types.ts'

/** The request that credentials are wanted for. */
export interface Unsigned {
  readonly method: string
  readonly url: URL
  readonly body: Uint8Array
  readonly clock: Clock
  /** Aborts when the attempt is over. */
  readonly signal: AbortSignal
}

/** What proves who we are. Never sent to another host. */
export interface Credentials {
  /** The headers that do; asked for each request, as files may change. Throws where there are none to be had. */
  headersFor(request: Unsigned): Headers | Promise<Headers>
  /** The receiver refuses them: what is remembered is got anew. Without it there is nothing remembered. */
  forget?(): void
}
