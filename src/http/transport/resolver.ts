import type { LookupAddress, LookupOptions } from 'node:dns'

type LookupCallback = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void

/**
 * Resolves one name at each connection. getaddrinfo(3) occupies one of four threads until it answers, which without a
 * network takes longer than an attempt: so concurrent lookups share one call. An address that failed comes last.
 */
export class Resolver {
  readonly #order: 'in order' | 'at random'
  #failed: string | undefined
  #waiting: LookupCallback[] | undefined

  constructor(order: 'in order' | 'at random' = 'in order') {
    this.#order = order
  }

  /** The `lookup` option of node:net, which asks for all addresses. */
  readonly lookup = (name: string, options: LookupOptions, done: LookupCallback): void => {
    if (this.#waiting !== undefined) {
      this.#waiting.push(done)
      return
    }
    this.#waiting = [done]
    const { lookup } = process.getBuiltinModule('node:dns') // loaded only if the host is a name
    lookup(name, { ...options, all: true }, (error, addresses) => {
      const waiting = this.#waiting ?? []
      this.#waiting = undefined
      for (const one of waiting) one(error, error === null ? this.#ordered(addresses) : [])
    })
  }

  avoid(address: string | undefined): void {
    this.#failed = address
  }

  #ordered(addresses: readonly LookupAddress[]): LookupAddress[] {
    const isFailed = ({ address }: LookupAddress) => Number(address === this.#failed)
    return (this.#order === 'in order' ? addresses : shuffled(addresses)).toSorted(
      (left, right) => isFailed(left) - isFailed(right),
    )
  }
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((one) => [Math.random(), one] as const)
    .toSorted(([left], [right]) => left - right)
    .map(([, one]) => one)
}
