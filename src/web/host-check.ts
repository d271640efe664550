import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { hostname } from 'node:os'

/**
 * Whether a request may come from a page of another site by DNS rebinding: the name of that site leads to this server, so
 * the browser lets the page read the answers. Such a request comes from a browser, and its Host is not a name of this
 * server. Scrapers may use any name.
 */
export function isRebound({ headers }: IncomingMessage, ownNames: readonly string[]): boolean {
  if (!isFromBrowser(headers)) return false
  const name = (headers.host ?? '')
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()
  if (isIP(name.replace(/%.*$/, '')) !== 0 || name === 'localhost' || name.endsWith('.localhost')) return false
  return ![hostname(), ...ownNames].some((own) => own.toLowerCase() === name)
}

/** A script in a page cannot omit all of these headers. */
const isFromBrowser = (headers: IncomingMessage['headers']): boolean =>
  headers['accept-language'] !== undefined ||
  headers.origin !== undefined ||
  Object.keys(headers).some((name) => name.startsWith('sec-')) ||
  /^Mozilla\//.test(headers['user-agent'] ?? '')
