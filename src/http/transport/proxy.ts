import { BlockList, isIP } from 'node:net'
import type { Secret } from '../../util/log.ts'

/** URL and credentials of one proxy. */
export interface ForwardProxy {
  readonly url: URL
  /** The value of Proxy-Authorization. */
  readonly authorization?: Secret
}

/** Selects the proxy of a request. */
export interface ProxyOptions {
  /** Proxy for http:// targets. */
  readonly http?: ForwardProxy
  /** Proxy for https:// targets. */
  readonly https?: ForwardProxy
  /** Comma-separated list as in NO_PROXY. If set, loopback addresses never use the proxy. */
  readonly none?: string
  /** Headers of CONNECT requests. */
  readonly connectHeaders: Readonly<Record<string, readonly Secret[]>>
}

export function proxyFor({ http, https, none }: ProxyOptions, target: URL): ForwardProxy | undefined {
  if (none !== undefined && bypasses(none, target)) return undefined
  return target.protocol === 'https:' ? https : http
}

/**
 * Whether a list such as `10.0.0.0/8, example.org, .lab, host:8080` matches the target. A domain matches itself and its
 * subdomains, a domain with a leading dot only its subdomains, `*` everything: the rules of Go's httpproxy, which
 * Prometheus uses.
 */
export function bypasses(list: string, target: URL): boolean {
  const host = target.hostname.replace(/^\[|\]$/g, '').toLowerCase()
  const port = target.port || (target.protocol === 'https:' ? '443' : '80')
  return isLoopback(host) || list.split(',').some((entry) => names(entry.trim().toLowerCase(), host, port))
}

function names(entry: string, host: string, port: string): boolean {
  if (entry === '') return false
  if (entry === '*') return true
  if (entry.includes('/')) return contains(entry, host)
  const [, bracketed, plain = '', entryPort] = /^(?:\[([^\]]*)\]|(.*?))(?::(\d+))?$/.exec(entry) ?? []
  const name = isIP(entry) ? entry : (bracketed ?? plain)
  if (!isIP(entry) && entryPort !== undefined && entryPort !== port) return false
  if (isIP(name)) return contains(`${name}/${isIP(name) === 6 ? 128 : 32}`, host)
  const domain = name.replace(/^\*/, '')
  return domain.startsWith('.') ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`)
}

function contains(network: string, host: string): boolean {
  const [address = '', bits = ''] = network.split('/')
  const family = isIP(address)
  if (family === 0 || family !== isIP(host) || !/^\d+$/.test(bits)) return false
  const list = new BlockList()
  try {
    list.addSubnet(address, Number(bits), family === 6 ? 'ipv6' : 'ipv4')
  } catch {
    return false // prefix length out of range: matches nothing
  }
  return list.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

const isLoopback = (host: string) => host === 'localhost' || contains('127.0.0.0/8', host) || contains('::1/128', host)
