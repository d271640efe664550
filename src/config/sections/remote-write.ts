import type { Backoff } from '../../http/retry/backoff.ts'
import type { EndpointOptions } from '../../remote-write/index.ts'
import type { LabelLimits } from '../../remote-write/series/limits.ts'
import type { BlockContext } from '../auth/tls-and-proxy.ts'
import { presetOf } from '../schema/presets.ts'
import type { RemoteWriteShape } from '../schema/schema.ts'
import { milliseconds } from '../schema/units.ts'
import { warnGrafana } from './grafana.ts'
import { urlOf } from './preset-defaults.ts'
import { ignoredKeys } from './prometheus-compat.ts'
import { targetOf } from './target.ts'

/** One endpoint from its block; problems are added with their place. */
export async function endpointOf(
  block: RemoteWriteShape,
  context: BlockContext,
  alone: boolean,
): Promise<EndpointOptions> {
  if (block.name === undefined && !alone)
    context.problems.push(`${context.place}.name: is needed where there are several endpoints`)
  const url = urlOf(block, context)
  ignoredKeys(block, context)
  warnGrafana(block, url, context)
  const preset = presetOf(block.preset)
  return {
    name: block.name ?? 'default',
    ...(await targetOf({ ...block, url: url.href }, context)),
    timeoutMs: milliseconds(block.remote_timeout, 30_000),
    backoff: backoffOf(block, context),
    maxSamplesPerSend: block.queue_config?.max_samples_per_send ?? preset.maxSamplesPerSend ?? 10_000,
    metadataIntervalMs:
      block.metadata_config?.send === false ? 0 : milliseconds(block.metadata_config?.send_interval, 60_000),
    protobufMessage: block.protobuf_message ?? preset.protobufMessage ?? 'auto',
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

function backoffOf(
  { queue_config: { min_backoff: min, max_backoff: max } = {} }: RemoteWriteShape,
  context: BlockContext,
): Backoff {
  const minMs = milliseconds(min, 1000)
  const maxMs = milliseconds(max, Math.max(minMs, 60_000))
  if (maxMs < minMs)
    context.problems.push(`${context.place}.queue_config.max_backoff: ${max} is below min_backoff, ${min ?? '1s'}`)
  return { minMs, maxMs }
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
