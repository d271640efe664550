import type { Acceptance } from '../acceptance/acceptance.ts'
import type { Compression } from '../encode/compression.ts'
import type { Inline, ProtobufMessage } from '../encode/protobuf-message.ts'

/** Defaults of an endpoint for one kind of receiver. Every value can be overridden in the block. */
export interface Preset {
  /** Path of the remote-write API, used if the URL has no path. */
  readonly path: string
  /** The receiver rejects older samples; undefined if it accepts any age. A duration as in the configuration. */
  readonly ageLimit?: string
  readonly maxSamplesPerSend: number
  /** `auto` if support for 2.0 depends on the version of the receiver. */
  readonly protobufMessage: ProtobufMessage
  readonly compression: Compression
  /** Maximum number of labels, bytes of a name and bytes of a value. Above them the receiver rejects or changes the series. */
  readonly labelLimit?: number
  readonly labelNameLengthLimit?: number
  readonly labelValueLengthLimit?: number
  /** What the receiver does with the good samples of a request that it rejects. */
  readonly acceptance?: Acceptance
  /** Metadata that 2.0 sends; default: full. Mimir counts it against the rate limit: `full` costs 53 % more than samples alone. */
  readonly inline?: Inline
  /** Collection interval if this is the only output, and the reason. */
  readonly interval?: { readonly every: string; readonly why: string }
  /** The `job` label if this is the only output, and the reason. */
  readonly job?: { readonly name: string; readonly why: string }
}

/**
 * Prometheus, Mimir and Thanos keep two hours in memory. They reject samples older than one hour, unless an out-of-order
 * window is configured. Grafana Cloud has a window of two hours. Amazon documents one hour.
 *
 * Amazon runs Cortex, which stores the good samples of a request like Mimir. Thanos does so too and answers 409.
 * VictoriaMetrics drops bad samples itself and answers 204.
 */
export const presets = {
  prometheus: {
    path: '/api/v1/write',
    ageLimit: '1h',
    maxSamplesPerSend: 10_000,
    protobufMessage: 'auto',
    compression: 'snappy',
    acceptance: 'atomic',
  },
  mimir: {
    path: '/api/v1/push',
    ageLimit: '1h',
    maxSamplesPerSend: 10_000,
    protobufMessage: 'auto',
    compression: 'snappy',
    inline: 'periodic',
    acceptance: 'partial',
    labelLimit: 30,
    labelNameLengthLimit: 1024,
    labelValueLengthLimit: 2048,
  },
  'grafana-cloud': {
    path: '/api/prom/push',
    ageLimit: '2h',
    maxSamplesPerSend: 10_000,
    protobufMessage: 'auto',
    compression: 'snappy',
    inline: 'periodic',
    acceptance: 'partial',
    labelLimit: 30,
    labelNameLengthLimit: 1024,
    interval: {
      every: '60s',
      why: 'the price includes one sample per series and minute, and four times as many cost four times as much',
    },
    job: { name: 'integrations/node_exporter', why: 'the dashboards of the Linux integration select this job' },
  },
  victoriametrics: {
    path: '/api/v1/write',
    maxSamplesPerSend: 10_000,
    protobufMessage: 'prometheus.WriteRequest',
    compression: 'zstd',
    labelLimit: 30,
    labelNameLengthLimit: 256,
    labelValueLengthLimit: 4096,
  },
  thanos: {
    path: '/api/v1/receive',
    ageLimit: '1h',
    maxSamplesPerSend: 10_000,
    protobufMessage: 'prometheus.WriteRequest',
    compression: 'snappy',
    acceptance: 'partial',
  },
  amp: {
    path: '/api/v1/remote_write',
    ageLimit: '1h',
    maxSamplesPerSend: 5_000,
    protobufMessage: 'prometheus.WriteRequest',
    compression: 'snappy',
    acceptance: 'partial',
    labelLimit: 70,
  },
} as const satisfies Readonly<Record<string, Preset>>

export type PresetName = keyof typeof presets
export const presetNames = Object.keys(presets) as readonly PresetName[]

export const presetOf = (name: PresetName | undefined): Partial<Preset> => (name === undefined ? {} : presets[name])
