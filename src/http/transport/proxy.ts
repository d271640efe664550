import { BlockList, isIP } from 'node:net'
import type { Secret } from '../../util/log.ts'

/** One proxy: where it is, and what it wants to see. */
export interface ForwardProxy {
  readonly url: URL
  /** The value of Proxy-Authorization. */
  readonly authorization?: Secret
}

/** Which proxy a request goes through. */
export interface ProxyOptions {
  /** For http:// and for https:// targets. */
  readonly http?: ForwardProxy
  readonly https?: ForwardProxy
  /** Comma-separated, as in the variable NO_PROXY. Where there is one, loopback is never reached through the proxy. */
  readonly none?: string
  /** Sent with CONNECT. */
  readonly connectHeaders: Readonly<Record<string, readonly Secret[]>>
}

export function proxyFor({ http, https, none }: ProxyOptions, target: URL): ForwardProxy | undefined {
  if (none !== undefined && bypasses(none, target)) return undefined
  return target.protocol === 'https:' ? https : http
}

/**
 * Whether a list such as `10.0.0.0/8, example.org, .lab, host:8080` names the target. A domain stands for itself and
 * what is under it, one that begins with a dot only for the latter, `*` for everything: the rules of Go's httpproxy,
 * which Prometheus follows.
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
    return false // more bits than the family has: it names nothing
  }
  return list.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

const isLoopback = (host: string) => host === 'localhost' || contains('127.0.0.0/8', host) || contains('::1/128', host)
