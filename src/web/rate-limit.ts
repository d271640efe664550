/** Maximum number of clients with a bucket. */
const maxClients = 1024

interface Bucket {
  readonly tokens: number
  /** Monotonic clock. */
  readonly countedMs: number
}

export interface RateLimit {
  readonly burst: number
  readonly intervalMs: number
}

/** Allows each client one request every `intervalMs`, and bursts of up to `burst` requests. */
export class RateLimiter {
  /** Token buckets by client, the least recently used first. */
  readonly #buckets = new Map<string, Bucket>()

  isWithin({ burst, intervalMs }: RateLimit, client: string, nowMs: number): boolean {
    const { tokens, countedMs } = this.#buckets.get(client) ?? { tokens: burst, countedMs: nowMs }
    const available = Math.min(burst, tokens + (nowMs - countedMs) / intervalMs)
    const isAllowed = available >= 1
    this.#buckets.delete(client)
    this.#buckets.set(client, { tokens: isAllowed ? available - 1 : available, countedMs: nowMs })
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > maxClients && oldest !== undefined) this.#buckets.delete(oldest)
    return isAllowed
  }
}

/** Identifies a client by its address; an IPv6 client by its network of 64 bits, in which it can choose any address. */
export function clientOf(address: string | undefined): string {
  if (address === undefined) return 'local' // a Unix socket
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*/, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const parts = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const missing = tail === undefined ? 0 : 8 - parts.length - rest.length
  const groups = [...parts, ...Array.from({ length: missing }, () => '0'), ...rest]
  return `${groups.slice(0, 4).join(':')}::/64`
}
