import type { Labels } from '../metrics/index.ts'

/**
 * The URL of a group. `job` comes first; the order of the other labels does not matter.
 * https://github.com/prometheus/pushgateway#url
 */
export function groupUrl(gateway: URL, job: string, groupingKey: Labels): URL {
  const url = new URL(gateway)
  const path = Object.entries({ job, ...groupingKey }).map(([name, value]) => `/${segment(name, value)}`)
  url.pathname = `${gateway.pathname.replace(/\/+$/, '')}/metrics${path.join('')}`
  url.hash = ''
  return url
}

/** Values with other characters are base64: proxies and URL parsers would change `..` or `a/b`. */
function segment(name: string, value: string): string {
  if (/^[\w~-][\w.~-]*$/.test(value)) return `${name}/${value}`
  return `${name}@base64/${Buffer.from(value.toWellFormed()).toString('base64url') || '='}`
}
