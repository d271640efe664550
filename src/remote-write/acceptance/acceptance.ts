import type { EndpointMemo } from '../memo.ts'
import type { Refusal } from './refusal.ts'

/**
 * What a receiver does with the good samples of a request that it rejects for bad ones. `atomic`: it stores nothing, as
 * Prometheus with remote-write 1.0. `partial`: it stores them, as Mimir and Grafana Cloud.
 */
export type Acceptance = 'atomic' | 'partial'

export const acceptances = ['auto', 'atomic', 'partial'] as const

export interface AcceptanceOptions {
  /** Default: auto. */
  readonly acceptance?: (typeof acceptances)[number]
  /** The preset of the endpoint, if it says what its receiver does. */
  readonly presetAcceptance?: { readonly preset: string; readonly is: Acceptance }
}

export interface AcceptanceVerdict {
  readonly is: Acceptance
  readonly why: string
}

/** How hostpush came to a verdict, the weakest first. */
type Source = 'default' | 'preset' | 'message' | 'observation' | 'configuration'

interface Learned extends AcceptanceVerdict {
  readonly by: Extract<Source, 'message' | 'observation'>
}

const maxWhyLength = 200

/** Statuses of a rejection that may leave good samples stored. 429: Mimir at the limit of active series. */
const partialStatuses = new Set([400, 409, 422, 429])

/** The acceptance of one endpoint. What the receiver's answers show is kept with the cursor. */
export class AcceptanceModel {
  readonly #options: AcceptanceOptions
  readonly #memo: EndpointMemo
  #learned: Learned | undefined

  constructor(options: AcceptanceOptions, memo: EndpointMemo) {
    this.#options = options
    this.#memo = memo
    this.#learned = this.#remembered()
  }

  get current(): AcceptanceVerdict {
    const { acceptance = 'auto', presetAcceptance } = this.#options
    if (acceptance !== 'auto') return { is: acceptance, why: 'acceptance in the configuration' }
    if (this.#learned !== undefined) return { is: this.#learned.is, why: this.#learned.why }
    if (presetAcceptance !== undefined) return { is: presetAcceptance.is, why: `preset ${presetAcceptance.preset}` }
    return { is: 'atomic', why: 'default, no answer has shown otherwise' }
  }

  /** Whether the receiver has stored the good samples of a request that it rejected with this message. */
  hasStored({ kind, cause }: Refusal, status: number): boolean {
    const { acceptance = 'auto', presetAcceptance } = this.#options
    if (acceptance === 'atomic' || kind === 'too large' || !partialStatuses.has(status)) return false
    if (kind === 'stored') return true
    if (status === 429) return false
    const isExpected = this.#learned?.by === 'observation' || presetAcceptance?.is === 'partial'
    return acceptance === 'partial' || (isExpected && cause !== 'unknown')
  }

  /** The message of a receiver shows that it stores the good samples. */
  async onMessage({ kind, rule }: Refusal): Promise<void> {
    if (kind !== 'stored' || this.#learned !== undefined) return
    await this.#learn({ is: 'partial', by: 'message', why: `the receiver rejected samples with ${rule}` })
  }

  /**
   * A request without earlier attempts was rejected for another reason than order. Of a part of it the receiver then
   * rejected the first snapshot and accepted the last one: it has stored this part.
   */
  async onStoredPart(reason: string): Promise<void> {
    if (this.#learned !== undefined) return
    const why = `a rejected request had been stored in part: ${reason}`
    await this.#learn({ is: 'partial', by: 'observation', why })
  }

  async #learn(learned: Learned): Promise<void> {
    this.#learned = { ...learned, why: learned.why.slice(0, maxWhyLength) }
    await this.#memo.write({ acceptance: { ...this.#learned, of: this.#memo.key() } })
  }

  #remembered(): Learned | undefined {
    const { is, by, why, of } = (this.#memo.read()['acceptance'] ?? {}) as Partial<Learned> & { readonly of?: string }
    if (is !== 'partial' || of !== this.#memo.key() || typeof why !== 'string') return undefined
    return by === 'message' || by === 'observation' ? { is, by, why } : undefined
  }
}
