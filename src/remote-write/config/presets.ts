import type { Compression } from '../encode/compression.ts'
import type { ProtobufMessage } from '../encode/protobuf-message.ts'

/** What a kind of receiver takes and wants: the defaults of an endpoint that names it. All of it can be said otherwise. */
export interface Preset {
  /** Where it takes pushes, for a URL that names no path. */
  readonly path: string
  /** Older samples it refuses; none where it takes any age. As a duration of the configuration. */
  readonly ageLimit?: string
  readonly maxSamplesPerSend: number
  /** What it takes; where that changes with its version, `auto` finds out. */
  readonly protobufMessage: ProtobufMessage
  readonly compression: Compression
  /** Labels of a series, and bytes of a name and of a value, above which it refuses the series or changes it. */
  readonly labelLimit?: number
  readonly labelNameLengthLimit?: number
  readonly labelValueLengthLimit?: number
  /** How often to collect where it is the only receiver, and why. */
  readonly interval?: { readonly every: string; readonly why: string }
  /** The job where it is the only receiver, and why. */
  readonly job?: { readonly name: string; readonly why: string }
}

/**
 * Prometheus, Mimir and Thanos keep two hours in memory and take nothing that is older than half of that, unless they
 * were told of a window for what comes out of order; Grafana Cloud has one of two hours. Amazon says an hour.
 */
export const presets = {
  prometheus: {
    path: '/api/v1/write',
    ageLimit: '1h',
    maxSamplesPerSend: 10_000,
    protobufMessage: 'auto',
    compression: 'snappy',
  },
  mimir: {
    path: '/api/v1/push',
    ageLimit: '1h',
    maxSamplesPerSend: 10_000,
    protobufMessage: 'auto',
    compression: 'snappy',
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
    labelLimit: 30,
    labelNameLengthLimit: 1024,
    interval: {
      every: '60s',
      why: 'its price holds one sample a minute of each series, and four of them cost four times',
    },
    job: { name: 'integrations/node_exporter', why: 'the dashboards of its Linux integration look for that' },
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
  },
  amp: {
    path: '/api/v1/remote_write',
    ageLimit: '1h',
    maxSamplesPerSend: 5_000,
    protobufMessage: 'prometheus.WriteRequest',
    compression: 'snappy',
    labelLimit: 70,
  },
} as const satisfies Readonly<Record<string, Preset>>

export type PresetName = keyof typeof presets
export const presetNames = Object.keys(presets) as readonly PresetName[]

export const presetOf = (name: PresetName | undefined): Partial<Preset> => (name === undefined ? {} : presets[name])
