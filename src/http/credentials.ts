import type { Clock } from '../clock.ts'
import type { Headers } from './request.ts'

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

/** A receiver, or what stands before it, may tell in its answer what it was shown. */
export function concealed(text: string, shown: Headers): string {
  let safe = text
  for (const value of Object.values(shown)) {
    const [, scheme = '', token = ''] = /^(?:(\S+) )?(.*)$/s.exec(value) ?? []
    const password =
      scheme === 'Basic'
        ? Buffer.from(token, 'base64')
            .toString()
            .replace(/^[^:]*:/, '')
        : ''
    for (const secret of [token, password]) if (secret.length > 3) safe = safe.replaceAll(secret, '***')
  }
  return safe
}

/** A URL as it may be shown: what stands in its query may be a key. */
export function shownUrl({ origin, pathname, searchParams }: URL): string {
  const names = [...searchParams.keys()].map((name) => `${name}=***`)
  return `${origin}${pathname}${names.length === 0 ? '' : `?${names.join('&')}`}`
}
