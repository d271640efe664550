import type { Backoff } from '../http/index.ts'
import { type Labels, labelled } from '../metrics/index.ts'
import type { OutputOptions } from '../output.ts'

/** `url` is the gateway's, with its route prefix if it has one. */
export interface GatewayOptions extends OutputOptions {
  readonly job: string
  /** The labels that make the group, beside `job`. */
  readonly groupingKey: Labels
  /** PUT replaces all that the group has; POST replaces families of the same name. */
  readonly method: 'PUT' | 'POST'
  readonly backoff: Backoff
  /** Snapshots wait for the next multiple of it, and the newest is pushed; 0 pushes each. */
  readonly intervalMs: number
  /** This host's place within an interval. */
  readonly offsetMs: number
  readonly deleteOnStart: boolean
  readonly deleteOnShutdown: boolean
  /** Whether `up` and its like are pushed too: of samples that somebody hands in they are his own. */
  readonly isWhole?: boolean
}

/** The same gateway for samples that are added to the group of these labels: whatever else is there stays. */
export const mergingInto = (options: GatewayOptions, { job = options.job, ...labels }: Labels): GatewayOptions => ({
  ...options,
  job,
  groupingKey: labelled(options.groupingKey, labels),
  method: 'POST',
  intervalMs: 0,
  deleteOnStart: false,
  deleteOnShutdown: false,
  isWhole: true,
})
