import type { Secret } from '../util/log.ts'

/** Verdicts that are remembered: a scraper asks with the same password each time, and bcrypt is slow on purpose. */
const maxKnown = 100

/** Basic authentication against bcrypt hashes. How long it takes says nothing about which users there are. */
export class BasicAuth {
  /** By the fingerprint of user, hash and password, under a key that nobody has. */
  readonly #known = new Map<string, boolean>()
  #key: Buffer | undefined
  /** One comparison at a time, whoever asks: each holds everything else up for a moment. */
  #last: Promise<unknown> = Promise.resolve()

  /** True where nobody has to say who he is. */
  async knows(authorization: string | undefined, users: ReadonlyMap<string, Secret>): Promise<boolean> {
    const [anyHash] = users.values()
    if (anyHash === undefined) return true
    const given = credentialsOf(authorization)
    if (given === undefined) return false
    const hash = users.get(given.user)
    const compared = await this.#compare(given, (hash ?? anyHash).reveal())
    return hash !== undefined && compared
  }

  async #compare({ user, password }: Credentials, hash: string): Promise<boolean> {
    const { createHmac, randomBytes } = await import('node:crypto')
    this.#key ??= randomBytes(32)
    const print = createHmac('sha256', this.#key)
      .update(JSON.stringify([user, hash, password]))
      .digest('base64')
    const comparison = this.#last.then(async () => {
      const { compare } = await import('bcryptjs')
      const verdict = this.#known.get(print) ?? (await compare(password, hash))
      this.#remember(print, verdict)
      return verdict
    })
    this.#last = comparison.catch(() => {}) // whoever asked is told
    return await comparison
  }

  /** The one that was asked for longest ago is forgotten. */
  #remember(print: string, verdict: boolean): void {
    this.#known.delete(print)
    this.#known.set(print, verdict)
    const [oldest] = this.#known.keys()
    if (this.#known.size > maxKnown && oldest !== undefined) this.#known.delete(oldest)
  }
}

interface Credentials {
  readonly user: string
  readonly password: string
}

function credentialsOf(authorization = ''): Credentials | undefined {
  const [, encoded = ''] = /^basic +([a-z\d+/]+=*)$/i.exec(authorization) ?? []
  const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  return user === undefined || password === undefined ? undefined : { user, password }
}
