import * as v from 'valibot'
import { count, duration, flag, positive, relabelConfigs, target } from '../../config/output-block.ts'
import { extents } from '../../relabel/index.ts'
import { acceptances } from '../acceptance/acceptance.ts'
import { compressions } from '../encode/compression.ts'
import { inlineKinds, protobufMessages } from '../encode/protobuf-message.ts'
import { presetNames } from './presets.ts'

/*
 * Keys of Prometheus's `remote_write` that have no effect here are accepted, so that a block of a prometheus.yml works
 * without changes. prometheus-compat.ts warns about them.
 * https://prometheus.io/docs/prometheus/latest/configuration/configuration/#remote_write
 */

const remoteWriteWords = {
  send_exemplars: v.optional(flag),
  send_native_histograms: v.optional(flag),
  failed_request_logging: v.optional(flag),
} as const

const queueWords = {
  capacity: v.optional(count),
  min_shards: v.optional(count),
  max_shards: v.optional(count),
  batch_send_deadline: v.optional(duration),
  retry_on_http_429: v.optional(flag),
} as const

const metadataWords = { max_samples_per_send: v.optional(count) } as const

/** One block of `remote_write`. */
export const remoteWriteSchema = v.strictObject({
  ...target,
  preset: v.optional(v.picklist(presetNames, `expected one of ${presetNames.join(', ')}`)),
  remote_timeout: v.optional(positive),
  interval: v.optional(positive),
  send_interval: v.optional(positive),
  queue_config: v.optional(
    v.strictObject({
      max_samples_per_send: v.optional(v.pipe(count, v.minValue(1, 'expected a number of at least 1'))),
      min_backoff: v.optional(positive),
      max_backoff: v.optional(positive),
      sample_age_limit: v.optional(duration),
      pacing: v.optional(v.picklist(['on', 'off'], 'expected on or off')),
      ...queueWords,
    }),
  ),
  acceptance: v.optional(v.picklist(acceptances, `expected one of ${acceptances.join(', ')}`)),
  metrics: v.optional(v.picklist(extents, `expected one of ${extents.join(', ')}`)),
  write_relabel_configs: v.optional(relabelConfigs),
  label_limit: v.optional(count),
  label_name_length_limit: v.optional(count),
  label_value_length_limit: v.optional(count),
  compression: v.optional(v.picklist(compressions, `expected one of ${compressions.join(', ')}`)),
  protobuf_message: v.optional(v.picklist(protobufMessages, `expected one of ${protobufMessages.join(', ')}`)),
  metadata_config: v.optional(
    v.strictObject({
      send: v.optional(flag),
      send_interval: v.optional(positive),
      inline: v.optional(v.picklist(inlineKinds, `expected one of ${inlineKinds.join(', ')}`)),
      ...metadataWords,
    }),
  ),
  ...remoteWriteWords,
})

export type RemoteWriteBlock = v.InferOutput<typeof remoteWriteSchema>

/** Keys at the top of the file: relabeling rules for all endpoints. */
export const remoteWriteGlobals = { write_relabel_configs: relabelConfigs }
