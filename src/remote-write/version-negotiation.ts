import { crc32 } from 'node:zlib'
import type { Cursor } from '../buffer/index.ts'
import type { Outcome } from '../http/index.ts'
import type { Series } from '../metrics/index.ts'
import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import type { Encoder } from './encode/encoder.ts'
import type { Label } from './encode/labels.ts'
import type { Inline, ProtobufMessage } from './encode/protobuf-message.ts'
import { EncoderV1 } from './encode/v1.ts'
import { EncoderV2 } from './encode/v2.ts'
import { messages } from './messages.ts'
import type { FinalAnswer } from './retry.ts'

export interface NegotiationOptions {
  readonly protobufMessage: ProtobufMessage
  readonly inline: Inline
  readonly isShortLived?: boolean
  readonly url: URL
  /** With the version of this program: another one asks anew. */
  readonly userAgent: string
}

interface Deps {
  readonly cursor: Pick<Cursor, 'memo' | 'remember'>
  readonly clock: Clock
  readonly log: Log
  readonly receiver: Readonly<Record<string, string>>
  readonly labels: (series: Series) => readonly Label[]
}

type Version = Exclude<ProtobufMessage, 'auto'>

const v1 = 'prometheus.WriteRequest'
const v2 = 'io.prometheus.write.v2.Request'

/** What a receiver was found to take, as the cursor keeps it. */
interface NegotiatedVersion {
  readonly message: Version
  /** Wall clock, milliseconds since the epoch. */
  readonly sinceMs: number
  /** Of which URL and which version of this program. */
  readonly of: string
}

/** What is known of an answer that is not good. */
export interface HttpRejection {
  readonly reason: string
  readonly status?: number
  readonly written?: number
}

/** A receiver without 2.0 is asked again after this. */
const validMs = 86_400_000
/** Times that it failed at 2.0 and not at 1.0 after it, after which it takes none. */
const maxNegotiationFailures = 3
/** Times that a request which asks is tried. */
const triesToAsk = 3
/** A receiver that does not understand what it is to be sent is tried again after this. */
const heldForMs = 60_000

/**
 * Which version of remote-write an endpoint speaks. With `auto` one live snapshot goes out as 2.0: a receiver that knows
 * no 2.0 says 415 or 400, or says that all is well, having found nothing in it that it knows; one that does tells how
 * many samples it has written. What is not known to be written goes out again as 1.0.
 * https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/#backward-and-forward-compatibility
 */
export class VersionNegotiation {
  readonly #options: NegotiationOptions
  readonly #deps: Deps
  #negotiated: NegotiatedVersion | undefined
  /** The next request asks whether the receiver takes 2.0. */
  #asking = false
  #doubts = 0
  /** The next request is 1.0, to find out whether the receiver takes that alone. */
  #isTryingOlder = false
  /** Why the last that asked was given up. */
  #doubt = ''
  /** What the receiver has answered with 415 since it took anything. */
  readonly #refused = new Set<Version>()
  #v1: EncoderV1 | undefined
  #v2: EncoderV2 | undefined

  constructor(options: NegotiationOptions, deps: Deps) {
    this.#options = options
    this.#deps = deps
    if (options.protobufMessage === 'auto') this.#negotiated = this.#remembered()
  }

  /** What the next request is. */
  get message(): Version {
    const { protobufMessage } = this.#options
    if (protobufMessage !== 'auto') return protobufMessage
    if (this.#isTryingOlder) return v1
    return this.#asking ? v2 : (this.#negotiated?.message ?? v1)
  }

  /** Makes the next request. */
  get encoder(): Encoder {
    const { labels } = this.#deps
    if (this.message === v1) return (this.#v1 ??= new EncoderV1(labels))
    return (this.#v2 ??= new EncoderV2(this.#options.inline, labels))
  }

  /** It is time to find out what the receiver takes. */
  get shouldProbe(): boolean {
    if (this.#options.protobufMessage !== 'auto' || this.#options.isShortLived) return false
    const { message = v1, sinceMs = Number.NEGATIVE_INFINITY } = this.#negotiated ?? {}
    return message === v1 && Math.abs(this.#deps.clock.now() - sinceMs) >= validMs
  }

  /** How often the next request is tried at most; for ever where it does not ask. */
  get tries(): number | undefined {
    return this.#asking ? triesToAsk : undefined
  }

  /** Whether the next request asks. */
  probeVersion(isAsking: boolean): void {
    this.#asking = isAsking
  }

  /** What an answer to this version means: that all is well, and not a word of what was written, is a 415. */
  read(outcome: Outcome): Outcome {
    if (this.message === v1 || outcome.kind !== 'delivered' || (outcome.written ?? 0) > 0) return outcome
    const reason = 'the receiver returned success but wrote no samples: it does not support remote-write 2.0'
    if (this.#options.protobufMessage === 'auto') return { kind: 'rejected', reason, status: 415 }
    return { kind: 'retry', reason: `${reason}, set protobuf_message to auto or ${v1}`, afterMs: heldForMs }
  }

  /** Learns from a final answer. True where the same samples are to go out again: in the other version from here on. */
  async learn(answer: FinalAnswer): Promise<boolean> {
    if (this.#options.protobufMessage !== 'auto') return false
    const { message } = this
    const asked = this.#asking
    this.#asking = false
    const isUnknown = answer.kind === 'rejected' && answer.status === 415
    if (isUnknown) this.#refused.add(message)
    else this.#refused.clear()
    if (isUnknown) {
      const other = message === v1 ? v2 : v1
      if (this.#refused.has(other)) return false
      await this.#remember(other, answer.reason)
      return true
    }
    if (asked) return this.#answered(answer)
    // It failed at 2.0, and takes 1.0 at once: no outage, then, but a receiver that cannot say so.
    const isTelling = this.#doubt !== '' && answer.kind === 'delivered' && answer.attempts === 1
    if (isTelling && ++this.#doubts >= maxNegotiationFailures) await this.#remember(v1, this.#doubt)
    this.#doubt = ''
    return false
  }

  /**
   * Of a receiver that took 2.0 and now refuses any sample, or fails at it: whether one without 2.0 has taken its place,
   * which takes a sample in 1.0.
   */
  async hasDowngraded(answer: HttpRejection, takes: () => Promise<boolean>): Promise<boolean> {
    if (this.#options.protobufMessage !== 'auto' || this.message === v1 || !mayBeOlder(answer)) return false
    this.#isTryingOlder = true
    const isOlder = await takes().finally(() => (this.#isTryingOlder = false))
    if (isOlder) await this.#remember(v1, answer.reason)
    return isOlder
  }

  async #answered(answer: FinalAnswer): Promise<boolean> {
    if (answer.kind === 'stuck') this.#doubt = answer.reason
    else if ((answer.written ?? 0) > 0) await this.#remember(v2, '')
    else if (answer.kind === 'rejected' && answer.status === 400) await this.#remember(v1, answer.reason)
    else return false
    return this.message === v1
  }

  async #remember(message: Version, reason: string): Promise<void> {
    const { clock, log, receiver, cursor } = this.#deps
    const isNews = this.#negotiated?.message !== message
    this.#negotiated = { message, sinceMs: clock.now(), of: this.#key }
    this.#doubts = 0
    if (message === v1) this.#v2 = undefined
    else this.#v1 = undefined
    if (isNews && message === v2) report(log, messages.version2, receiver)
    if (isNews && message === v1) report(log, messages.version1, { ...receiver, reason })
    await cursor.remember(JSON.stringify(this.#negotiated))
  }

  /** What an agent before has found out, of this URL, in this version. */
  #remembered(): NegotiatedVersion | undefined {
    const { memo } = this.#deps.cursor
    if (memo === '') return undefined
    const { message, sinceMs, of } = parsed(memo)
    const isOurs = of === this.#key && (message === v1 || message === v2) && typeof sinceMs === 'number'
    return isOurs ? { message, sinceMs, of } : undefined
  }

  /** A URL may hold a token. */
  get #key(): string {
    const { url, userAgent } = this.#options
    return crc32(`${url.href} ${userAgent}`).toString(16)
  }
}

/** A receiver with 2.0 tells how much it has written even of what it refuses. */
const mayBeOlder = ({ status = 0, written }: HttpRejection) =>
  status >= 500 || (status === 400 && written === undefined)

/** Of a version of this program with other memos nothing is known. */
function parsed(memo: string): Partial<NegotiatedVersion> {
  try {
    return (JSON.parse(memo) ?? {}) as Partial<NegotiatedVersion>
  } catch {
    return {}
  }
}
