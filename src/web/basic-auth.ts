import type { Secret } from '../util/log.ts'

/** Cached results: a scraper sends the same password each time, and bcrypt is slow by design. */
const maxCached = 100

/** Basic authentication against bcrypt hashes. The duration of a check does not reveal which users exist. */
export class BasicAuth {
  /** Results by HMAC of user, hash and password; the key exists only in this process. */
  readonly #cache = new Map<string, boolean>()
  #key: Buffer | undefined
  /** Comparisons run one at a time: each blocks the event loop for a moment. */
  #last: Promise<unknown> = Promise.resolve()

  /** Whether the request is authenticated; true if no users are configured. */
  async isAuthenticated(authorization: string | undefined, users: ReadonlyMap<string, Secret>): Promise<boolean> {
    const [anyHash] = users.values()
    if (anyHash === undefined) return true
    const credentials = credentialsOf(authorization)
    if (credentials === undefined) return false
    const hash = users.get(credentials.user)
    const matches = await this.#compare(credentials, (hash ?? anyHash).reveal())
    return hash !== undefined && matches
  }

  async #compare({ user, password }: Credentials, hash: string): Promise<boolean> {
    const { createHmac, randomBytes } = await import('node:crypto')
    this.#key ??= randomBytes(32)
    const fingerprint = createHmac('sha256', this.#key)
      .update(JSON.stringify([user, hash, password]))
      .digest('base64')
    const comparison = this.#last.then(async () => {
      const { compare } = await import('bcryptjs')
      const result = this.#cache.get(fingerprint) ?? (await compare(password, hash))
      this.#remember(fingerprint, result)
      return result
    })
    this.#last = comparison.catch(() => {}) // the caller of this comparison gets the error
    return await comparison
  }

  /** Evicts the least recently used result. */
  #remember(fingerprint: string, result: boolean): void {
    this.#cache.delete(fingerprint)
    this.#cache.set(fingerprint, result)
    const [oldest] = this.#cache.keys()
    if (this.#cache.size > maxCached && oldest !== undefined) this.#cache.delete(oldest)
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
