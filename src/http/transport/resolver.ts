import type { LookupAddress, LookupOptions } from 'node:dns'

type Found = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void

/**
 * The addresses of one name, asked for at each connection. getaddrinfo holds one of four threads until it answers,
 * which without a network takes longer than an attempt: so it is never asked twice at once. An address that failed
 * comes last.
 */
export class Resolver {
  readonly #order: 'in order' | 'at random'
  #failed: string | undefined
  #waiting: Found[] | undefined

  constructor(order: 'in order' | 'at random' = 'in order') {
    this.#order = order
  }

  /** Shaped as node:net wants it; there it is called for all addresses. */
  readonly lookup = (name: string, options: LookupOptions, found: Found): void => {
    if (this.#waiting !== undefined) {
      this.#waiting.push(found)
      return
    }
    this.#waiting = [found]
    const { lookup } = process.getBuiltinModule('node:dns') // where there is a name
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
