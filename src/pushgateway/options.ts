import type { Backoff } from '../http/index.ts'
import { type Labels, labelled } from '../metrics/index.ts'
import type { OutputOptions } from '../output.ts'

/** `url` is the base URL of the Pushgateway, with its route prefix. */
export interface GatewayOptions extends OutputOptions {
  readonly job: string
  /** Labels of the group in addition to `job`. */
  readonly groupingKey: Labels
  /** PUT replaces the whole group; POST replaces families of the same name. */
  readonly method: 'PUT' | 'POST'
  readonly backoff: Backoff
  /** Minimum time between two pushed snapshots, milliseconds; 0 pushes each snapshot. */
  readonly intervalMs: number
  readonly deleteOnStart: boolean
  readonly deleteOnShutdown: boolean
  /** Whether scrape metrics such as `up` are pushed. True for samples from `hostpush push`, which belong to its caller. */
  readonly isWhole?: boolean
}

/**
 * Options that add samples to the group with these labels and keep its other metrics. An empty value removes the instance
 * or a label of the configuration. Another label with an empty value is a label of the group.
 */
export const mergingInto = (
  options: GatewayOptions,
  { job = options.job, ...labels }: Labels,
  identity: Labels,
): GatewayOptions => ({
  ...options,
  job,
  groupingKey: {
    ...labelled(options.groupingKey, labels),
    ...emptyLabels(labels, { ...identity, ...options.groupingKey }),
  },
  method: 'POST',
  intervalMs: 0,
  deleteOnStart: false,
  deleteOnShutdown: false,
  isWhole: true,
})

/** The path of a group of `curl` may contain them: `/metrics/job/j/name@base64/=`. */
const emptyLabels = (labels: Labels, configured: Labels): Labels =>
  Object.fromEntries(
    Object.entries(labels).filter(([name, value]) => value === '' && name !== 'instance' && !(name in configured)),
  )
