import * as v from 'valibot'
import { count, duration, flag } from './values.ts'

/**
 * The words of Prometheus's `remote_write` that have no meaning here, so that a block of somebody's `prometheus.yml`
 * holds. What they were to bring about, and what does that here, is told.
 * https://prometheus.io/docs/prometheus/latest/configuration/configuration/#remote_write
 */

/** A key that is known, and can do nothing here. */
export const unsupported = (words: string) => v.optional(v.custom<undefined>(() => false, words))

/** What Prometheus has from a manager of secrets. */
export function secretRef<const Key extends string>(...keys: readonly Key[]) {
  const of = (key: string) =>
    unsupported(`is of a manager of secrets, which there is none of here: use ${key} or ${key}_file`)
  return Object.fromEntries(keys.map((key) => [`${key}_ref`, of(key)])) as Record<
    `${Key}_ref`,
    ReturnType<typeof unsupported>
  >
}

export const remoteWriteWords = {
  send_exemplars: v.optional(flag),
  send_native_histograms: v.optional(flag),
  failed_request_logging: v.optional(flag),
} as const

export const queueWords = {
  capacity: v.optional(count),
  min_shards: v.optional(count),
  max_shards: v.optional(count),
  batch_send_deadline: v.optional(duration),
  retry_on_http_429: v.optional(flag),
} as const

export const metadataWords = { max_samples_per_send: v.optional(count) } as const
