import type { Outcome } from '../http/index.ts'
import type { Series } from '../metrics/index.ts'
import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import type { Encoder } from './encode/encoder.ts'
import type { Label } from './encode/labels.ts'
import type { Inline, ProtobufMessage } from './encode/protobuf-message.ts'
import { EncoderV1 } from './encode/v1.ts'
import { EncoderV2 } from './encode/v2.ts'
import type { EndpointMemo } from './memo.ts'
import { messages } from './messages.ts'
import type { FinalAnswer } from './retry.ts'

export interface NegotiationOptions {
  readonly protobufMessage: ProtobufMessage
  readonly inline: Inline
  /** Milliseconds between two requests with metadata, if it is periodic; 0 sends none. */
  readonly metadataIntervalMs: number
  readonly isShortLived?: boolean
  /** Contains the version of hostpush: another version probes again. */
  readonly userAgent: string
}

interface Deps {
  readonly memo: EndpointMemo
  readonly clock: Clock
  readonly log: Log
  readonly receiver: Readonly<Record<string, string>>
  readonly labels: (series: Series) => readonly Label[]
}

type Version = Exclude<ProtobufMessage, 'auto'>

const v1 = 'prometheus.WriteRequest'
const v2 = 'io.prometheus.write.v2.Request'

/** The negotiated version, as it is stored in the memo. */
interface NegotiatedVersion {
  readonly message: Version
  /** Wall clock, milliseconds since the epoch. */
  readonly sinceMs: number
  /** Hash of the URL and the version of hostpush. */
  readonly of: string
}

/** An answer other than success. */
export interface HttpRejection {
  readonly reason: string
  readonly status?: number
  readonly written?: number
}

/** A receiver without 2.0 is probed again after this time. */
const validMs = 86_400_000
/** A receiver that this many times failed with 2.0 and then accepted 1.0 does not support 2.0. */
const maxNegotiationFailures = 3
/** Attempts of a probing request. */
const probeAttempts = 3
/** Delay before the next attempt if the receiver does not support the configured version. */
const retryAfterMs = 60_000

/**
 * Chooses the version of remote-write for an endpoint. With `auto`, one live snapshot is sent as 2.0. A receiver that
 * supports 2.0 returns the number of samples written. One that does not returns 415 or 400, or success without that
 * number; the snapshot is then sent again as 1.0.
 * https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/#backward-and-forward-compatibility
 */
export class VersionNegotiation {
  readonly #options: NegotiationOptions
  readonly #deps: Deps
  #negotiated: NegotiatedVersion | undefined
  /** Whether the next request probes for 2.0. */
  #isProbing = false
  #probeFailures = 0
  /** Whether the next request is 1.0, to find out if the receiver no longer supports 2.0. */
  #isProbingV1 = false
  /** Why the last probe failed; empty if it did not. */
  #probeError = ''
  /** Versions that the receiver answered with 415 since it last accepted a request. */
  readonly #unsupported = new Set<Version>()
  #v1: EncoderV1 | undefined
  #v2: EncoderV2 | undefined
  /** Without metadata, for requests between two periodic ones. */
  #v2Samples: EncoderV2 | undefined
  /** The current range is sent with metadata, and when the last such range was delivered. */
  #hasMetadata = true
  #metadataAtMs = Number.NEGATIVE_INFINITY

  constructor(options: NegotiationOptions, deps: Deps) {
    this.#options = options
    this.#deps = deps
    if (options.protobufMessage === 'auto') this.#negotiated = this.#remembered()
  }

  /** Message type of the next request. */
  get message(): Version {
    const { protobufMessage } = this.#options
    if (protobufMessage !== 'auto') return protobufMessage
    if (this.#isProbingV1) return v1
    return this.#isProbing ? v2 : (this.#negotiated?.message ?? v1)
  }

  /** Encoder of the next request. */
  get encoder(): Encoder {
    const { labels } = this.#deps
    const { inline } = this.#options
    if (this.message === v1) return (this.#v1 ??= new EncoderV1(labels))
    if (inline === 'periodic' && !this.#hasMetadata) return (this.#v2Samples ??= new EncoderV2('none', labels))
    return (this.#v2 ??= new EncoderV2(inline === 'periodic' ? 'full' : inline, labels))
  }

  /** Before a range: decides whether it is sent with periodic metadata. */
  beginRange(): void {
    const { metadataIntervalMs } = this.#options
    const sinceMs = this.#deps.clock.monotonicMs() - this.#metadataAtMs
    this.#hasMetadata = metadataIntervalMs > 0 && sinceMs >= metadataIntervalMs
  }

  /** After a range that was delivered. */
  endRange(): void {
    if (this.#hasMetadata && this.message === v2) this.#metadataAtMs = this.#deps.clock.monotonicMs()
    this.#hasMetadata = false
  }

  /** Whether the next live snapshot should probe for 2.0. */
  get shouldProbe(): boolean {
    if (this.#options.protobufMessage !== 'auto' || this.#options.isShortLived) return false
    const { message = v1, sinceMs = Number.NEGATIVE_INFINITY } = this.#negotiated ?? {}
    return message === v1 && Math.abs(this.#deps.clock.now() - sinceMs) >= validMs
  }

  /** Maximum attempts of the next request; undefined (unlimited) unless it probes. */
  get tries(): number | undefined {
    return this.#isProbing ? probeAttempts : undefined
  }

  /** Sets whether the next request probes for 2.0. */
  probeVersion(isProbing: boolean): void {
    this.#isProbing = isProbing
  }

  /** Interprets an answer: success without a number of written samples means that 2.0 is not supported, like 415. */
  read(outcome: Outcome): Outcome {
    if (this.message === v1 || outcome.kind !== 'delivered' || (outcome.written ?? 0) > 0) return outcome
    const reason = 'the receiver returned success but wrote no samples: it does not support remote-write 2.0'
    if (this.#options.protobufMessage === 'auto') return { kind: 'rejected', reason, status: 415 }
    return { kind: 'retry', reason: `${reason}, set protobuf_message to auto or ${v1}`, afterMs: retryAfterMs }
  }

  /** Learns from a final answer. Returns true if the same samples must be sent again in the other version. */
  async learn(answer: FinalAnswer): Promise<boolean> {
    if (this.#options.protobufMessage !== 'auto') return false
    const { message } = this
    const wasProbing = this.#isProbing
    this.#isProbing = false
    const isUnsupported = answer.kind === 'rejected' && answer.status === 415
    if (isUnsupported) this.#unsupported.add(message)
    else this.#unsupported.clear()
    if (isUnsupported) {
      const other = message === v1 ? v2 : v1
      if (this.#unsupported.has(other)) return false
      await this.#remember(other, answer.reason)
      return true
    }
    if (wasProbing) return this.#onProbed(answer)
    // It failed with 2.0 and accepted 1.0 at the first attempt: not an outage, but a receiver without 2.0.
    const isProof = this.#probeError !== '' && answer.kind === 'delivered' && answer.attempts === 1
    if (isProof && ++this.#probeFailures >= maxNegotiationFailures) await this.#remember(v1, this.#probeError)
    this.#probeError = ''
    return false
  }

  /**
   * A receiver that accepted 2.0 now rejects or fails at every sample. Returns true, and switches to 1.0, if it accepts
   * a test sample in 1.0: it was probably replaced by an older version. `acceptsV1` sends that sample.
   */
  async hasDowngraded(answer: HttpRejection, acceptsV1: () => Promise<boolean>): Promise<boolean> {
    if (this.#options.protobufMessage !== 'auto' || this.message === v1 || !mayBeOlder(answer)) return false
    this.#isProbingV1 = true
    const isOlder = await acceptsV1().finally(() => (this.#isProbingV1 = false))
    if (isOlder) await this.#remember(v1, answer.reason)
    return isOlder
  }

  async #onProbed(answer: FinalAnswer): Promise<boolean> {
    if (answer.kind === 'stuck') this.#probeError = answer.reason
    else if ((answer.written ?? 0) > 0) await this.#remember(v2, '')
    else if (answer.kind === 'rejected' && answer.status === 400) await this.#remember(v1, answer.reason)
    else return false
    return this.message === v1
  }

  async #remember(message: Version, reason: string): Promise<void> {
    const { clock, log, receiver, memo } = this.#deps
    const isChanged = this.#negotiated?.message !== message
    this.#negotiated = { message, sinceMs: clock.now(), of: this.#key }
    this.#probeFailures = 0
    if (message === v1) this.#v2 = this.#v2Samples = undefined
    else this.#v1 = undefined
    if (isChanged && message === v2) report(log, messages.version2, receiver)
    if (isChanged && message === v1) report(log, messages.version1, { ...receiver, reason })
    await memo.write({ ...this.#negotiated })
  }

  /** The stored result, if it is for this URL and this version of hostpush. */
  #remembered(): NegotiatedVersion | undefined {
    const { message, sinceMs, of } = this.#deps.memo.read() as Partial<NegotiatedVersion>
    const isOurs = of === this.#key && (message === v1 || message === v2) && typeof sinceMs === 'number'
    return isOurs ? { message, sinceMs, of } : undefined
  }

  get #key(): string {
    return this.#deps.memo.key(this.#options.userAgent)
  }
}

/** A receiver that supports 2.0 returns the number of written samples even for a rejected request. */
const mayBeOlder = ({ status = 0, written }: HttpRejection) =>
  status >= 500 || (status === 400 && written === undefined)
