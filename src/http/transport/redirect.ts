import type { Reply } from '../retry/outcome.ts'

/** Statuses that keep the method and the body. Of the others a POST would come out as a GET. RFC 9110 section 15.4. */
const keepsMethod = new Set([307, 308])

/**
 * Where an answer sends the request on to; undefined where it does not, or to where it must not go: out of TLS, or to
 * what is no HTTP. Credentials that stand in the target are no use to anybody.
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

/** Whether what is secret may go there too: to the place that was configured, and to the same host over TLS. */
export function isSameParty(own: URL, other: URL): boolean {
  if (own.origin === other.origin) return true
  return own.hostname === other.hostname && own.protocol === 'http:' && other.protocol === 'https:'
}
