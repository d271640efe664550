import type { SamplingRule } from '../buffer/sampling.ts'
import type { Target } from '../http/request.ts'
import type { Backoff } from '../http/retry/retry.ts'
import type { Access } from '../http/types.ts'
import type { Compression } from './encode/compression.ts'
import type { Inline, ProtobufMessage } from './encode/messages.ts'
import type { SeriesSelection } from './series/relabel.ts'

export interface EndpointOptions extends SeriesSelection, Target {
  readonly name: string
  /** The same for two that were configured with the same words. */
  readonly digest?: string
  /** How its server is reached. */
  readonly access?: Access
  readonly backoff: Backoff
  readonly maxSamplesPerSend: number
  /** Milliseconds between two snapshots that it takes. */
  readonly intervalMs: number
  /** Which snapshots it takes, where that is not each. */
  readonly sampling?: SamplingRule
  /** Which version of remote-write it speaks, and what of 2.0 each series has with it. */
  readonly protobufMessage: ProtobufMessage
  readonly inline: Inline
  /** It lives for a moment only: `auto` speaks 1.0 then, which everyone takes, rather than ask. */
  readonly isShortLived?: boolean
  /** snappy, where it is missing. */
  readonly compression?: Compression
  /** Milliseconds between two metadata requests; 0 sends none. */
  readonly metadataIntervalMs: number
  /** Collected snapshots wait for the next multiple of it; 0 sends each at once. */
  readonly sendIntervalMs: number
  /** This host's place within an interval: a fleet does not send in one moment. */
  readonly offsetMs: number
  /** Samples older than this are not sent any more; 0 is no limit. */
  readonly ageLimitMs: number
  /** Whether a backlog is sent with consideration or as fast as it goes. */
  readonly pacing: 'on' | 'off'
  /** Where a receiver of its kind takes pushes, for a hint. */
  readonly pushPath?: string | undefined
}
