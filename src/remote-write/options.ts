import type { Backoff } from '../http/index.ts'
import type { OutputOptions } from '../output.ts'
import type { AcceptanceOptions } from './acceptance/acceptance.ts'
import type { Compression } from './encode/compression.ts'
import type { Inline, ProtobufMessage } from './encode/protobuf-message.ts'
import type { SeriesSelection } from './series/relabel.ts'

export interface EndpointOptions extends SeriesSelection, OutputOptions, AcceptanceOptions {
  readonly backoff: Backoff
  readonly maxSamplesPerSend: number
  /** Milliseconds between two snapshots of this endpoint. */
  readonly intervalMs: number
  /** Version of remote-write, and the metadata that 2.0 sends with each series. */
  readonly protobufMessage: ProtobufMessage
  readonly inline: Inline
  /** Default: snappy. */
  readonly compression?: Compression
  /** Milliseconds between two metadata requests; 0 sends none. */
  readonly metadataIntervalMs: number
  /** Snapshots are sent at multiples of this time, milliseconds; 0 sends each immediately. */
  readonly sendIntervalMs: number
  /** Offset of this host within `sendIntervalMs`, milliseconds: hosts of a fleet send at different times. */
  readonly offsetMs: number
  /** Samples older than this are dropped, milliseconds; 0 means no limit. */
  readonly ageLimitMs: number
  /** Whether a backlog is sent with delays (BacklogPacing) or as fast as possible. */
  readonly pacing: 'on' | 'off'
}
