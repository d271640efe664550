import type { Reply } from '../retry/outcome.ts'

/** Redirects that keep the method and the body. The others turn a POST into a GET. RFC 9110 section 15.4. */
const keepsMethod = new Set([307, 308])

/**
 * The target of a redirect, without credentials; undefined if the answer is not a redirect, or if the target is not allowed:
 * from https:// to http://, or another protocol.
 */
export function redirectOf({ status, headers }: Reply, from: URL): URL | undefined {
  const { location } = headers
  if (!keepsMethod.has(status) || typeof location !== 'string') return undefined
  const to = URL.parse(location, from)
  if (to === null || !(to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:')))
    return undefined
  to.username = ''
  to.password = ''
  to.hash = ''
  return to
}

/** Whether secrets may be sent to `other`: the configured origin, or the same host over TLS instead of HTTP. */
export function isSameParty(own: URL, other: URL): boolean {
  if (own.origin === other.origin) return true
  return own.hostname === other.hostname && own.protocol === 'http:' && other.protocol === 'https:'
}
