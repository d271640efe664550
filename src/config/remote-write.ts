import type { EndpointOptions } from '../remote-write/index.ts'
import type { LabelLimits } from '../remote-write/limits.ts'
import type { Said } from './access.ts'
import { urlOf } from './preset.ts'
import { presetOf } from './presets.ts'
import type { RemoteWriteShape } from './shape.ts'
import { targetOf } from './target.ts'
import { milliseconds } from './units.ts'

/** One endpoint from its block; problems are added with their place. */
export async function endpointOf(block: RemoteWriteShape, said: Said, alone: boolean): Promise<EndpointOptions> {
  if (block.name === undefined && !alone)
    said.problems.push(`${said.place}.name: is needed where there are several endpoints`)
  const preset = presetOf(block.preset)
  const minMs = milliseconds(block.queue_config?.min_backoff, 1000)
  return {
    name: block.name ?? 'default',
    ...(await targetOf({ ...block, url: urlOf(block, said).href }, said)),
    timeoutMs: milliseconds(block.remote_timeout, 30_000),
    backoff: { minMs, maxMs: Math.max(minMs, milliseconds(block.queue_config?.max_backoff, 60_000)) },
    maxSamplesPerSend: block.queue_config?.max_samples_per_send ?? preset.maxSamplesPerSend ?? 10_000,
    metadataIntervalMs:
      block.metadata_config?.send === false ? 0 : milliseconds(block.metadata_config?.send_interval, 60_000),
    message: block.protobuf_message ?? preset.message ?? 'auto',
    compression: block.compression ?? preset.compression ?? 'snappy',
    inline: block.metadata_config?.inline ?? (block.metadata_config?.send === false ? 'none' : 'full'),
    sendIntervalMs: milliseconds(block.send_interval, 0),
    intervalMs: 0,
    offsetMs: 0,
    ageLimitMs: milliseconds(block.queue_config?.sample_age_limit ?? preset.ageLimit, 0),
    limits: limitsOf(block),
    pushPath: preset.path,
    pacing: block.queue_config?.pacing ?? 'on',
  }
}

/** What the receiver takes of labels; undefined where it takes any. */
function limitsOf(block: RemoteWriteShape): LabelLimits | undefined {
  const preset = presetOf(block.preset)
  const given = {
    labels: block.label_limit ?? preset.labelLimit,
    nameBytes: block.label_name_length_limit ?? preset.labelNameLengthLimit,
    valueBytes: block.label_value_length_limit ?? preset.labelValueLengthLimit,
  }
  const limits = Object.entries(given).filter(([, limit]) => limit !== undefined && limit > 0)
  return limits.length === 0 ? undefined : Object.fromEntries(limits)
}
