import type { Clock } from '../util/clock.ts'
import type { Secret } from '../util/log.ts'

/** Cached results of each kind: a scraper sends the same password each time, and bcrypt is slow by design. */
const maxCached = 100

/** Comparisons that may wait: those of all clients, and those of one client. Further requests are rejected as busy. */
const maxWaiting = 8
const maxWaitingPerClient = 2

/** Maximum pause after a comparison. */
const maxRestMs = 1000

/** A request to authenticate. */
export interface Claim {
  /** The header of the request. */
  readonly authorization: string | undefined
  /** The address of the client. */
  readonly client: string
  /** Whether the client has closed the connection: its comparison is then not started. */
  readonly isGone: () => boolean
}

/** `busy`: too many comparisons wait. */
export type Verdict = 'accepted' | 'rejected' | 'busy'

/** A comparison that waits, and the requests that wait for it. */
interface Comparison {
  readonly client: string
  readonly requests: (() => boolean)[]
  readonly result: Promise<boolean>
}

/** Basic authentication against bcrypt hashes. The duration of a check does not reveal which users exist. */
export class BasicAuth {
  /** Fingerprints of correct and of wrong credentials. A flood of wrong ones does not displace the correct ones. */
  readonly #matching = new RecentSet()
  readonly #wrong = new RecentSet()
  #key: Buffer | undefined
  /** By fingerprint. They run one at a time: each blocks the event loop for a moment. */
  readonly #waiting = new Map<string, Comparison>()
  #last: Promise<unknown> = Promise.resolve()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `accepted` also if no users are configured. */
  async verdict(claim: Claim, users: ReadonlyMap<string, Secret>): Promise<Verdict> {
    const [anyHash] = users.values()
    if (anyHash === undefined) return 'accepted'
    const credentials = credentialsOf(claim.authorization)
    if (credentials === undefined) return 'rejected'
    const hash = users.get(credentials.user)
    const matches = await this.#matches(credentials, (hash ?? anyHash).reveal(), claim)
    if (matches === undefined) return 'busy'
    return hash !== undefined && matches ? 'accepted' : 'rejected'
  }

  /** Undefined if too many comparisons wait. A known result does not wait for any comparison. */
  async #matches(credentials: Credentials, hash: string, { client, isGone }: Claim): Promise<boolean | undefined> {
    const fingerprint = await this.#fingerprint(credentials, hash)
    if (this.#matching.has(fingerprint)) return true
    if (this.#wrong.has(fingerprint)) return false
    const same = this.#waiting.get(fingerprint)
    same?.requests.push(isGone)
    if (same !== undefined) return same.result
    const ofClient = [...this.#waiting.values()].filter((one) => one.client === client)
    if (this.#waiting.size >= maxWaiting || ofClient.length >= maxWaitingPerClient) return undefined
    const requests = [isGone]
    let startMs = 0
    const result = this.#last.then(() => {
      startMs = this.#clock.monotonicMs()
      return this.#compare(fingerprint, { credentials, hash, requests })
    })
    this.#waiting.set(fingerprint, { client, requests, result })
    // the caller of this comparison gets the error
    this.#last = result.catch(() => {}).then(() => this.#rest(this.#clock.monotonicMs() - startMs))
    return result
  }

  /** Comparisons take at most half of the time: the agent and the other clients need the rest. */
  #rest(durationMs: number): Promise<void> {
    return this.#clock.sleep(Math.min(durationMs, maxRestMs))
  }

  async #compare(
    fingerprint: string,
    { credentials, hash, requests }: { credentials: Credentials; hash: string; requests: readonly (() => boolean)[] },
  ): Promise<boolean> {
    try {
      if (requests.every((isGone) => isGone())) return false // nobody waits for the result
      const { compare } = await import('bcryptjs')
      const result = await compare(credentials.password, hash)
      ;(result ? this.#matching : this.#wrong).add(fingerprint)
      return result
    } finally {
      this.#waiting.delete(fingerprint)
    }
  }

  /** HMAC of user, hash and password; the key exists only in this process. */
  async #fingerprint({ user, password }: Credentials, hash: string): Promise<string> {
    const { createHmac, randomBytes } = await import('node:crypto')
    this.#key ??= randomBytes(32)
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([user, hash, password]))
      .digest('base64')
  }
}

/** The most recently used texts. */
class RecentSet {
  readonly #texts = new Set<string>()

  has(text: string): boolean {
    const isKnown = this.#texts.delete(text)
    if (isKnown) this.#texts.add(text)
    return isKnown
  }

  add(text: string): void {
    this.#texts.add(text)
    const [oldest] = this.#texts
    if (this.#texts.size > maxCached && oldest !== undefined) this.#texts.delete(oldest)
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
