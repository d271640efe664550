import type { Labels } from '../metrics/index.ts'

/**
 * The URL of a group of metrics. Order among the labels of a grouping key means nothing; `job` comes first.
 * https://github.com/prometheus/pushgateway#url
 */
export function groupUrl(gateway: URL, job: string, groupingKey: Labels): URL {
  const url = new URL(gateway)
  const path = Object.entries({ job, ...groupingKey }).map(([name, value]) => `/${segment(name, value)}`)
  url.pathname = `${gateway.pathname.replace(/\/+$/, '')}/metrics${path.join('')}`
  url.hash = ''
  return url
}

/** Only what no proxy and no URL parser reads another way stands as it is: `..` would be gone, `a/b` be two. */
function segment(name: string, value: string): string {
  if (/^[\w~-][\w.~-]*$/.test(value)) return `${name}/${value}`
  return `${name}@base64/${Buffer.from(value.toWellFormed()).toString('base64url') || '='}`
}
