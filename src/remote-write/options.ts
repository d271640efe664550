import type { Backoff } from '../http/index.ts'
import type { OutputOptions } from '../output.ts'
import type { Compression } from './encode/compression.ts'
import type { Inline, ProtobufMessage } from './encode/protobuf-message.ts'
import type { SeriesSelection } from './series/relabel.ts'

export interface EndpointOptions extends SeriesSelection, OutputOptions {
  readonly backoff: Backoff
  readonly maxSamplesPerSend: number
  /** Milliseconds between two snapshots that it takes. */
  readonly intervalMs: number
  /** Which version of remote-write it speaks, and what of 2.0 each series has with it. */
  readonly protobufMessage: ProtobufMessage
  readonly inline: Inline
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
}
