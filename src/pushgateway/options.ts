import type { Target } from '../http/request.ts'
import type { Backoff } from '../http/retry/retry.ts'
import type { Access } from '../http/types.ts'
import { type Labels, labelled } from '../metrics/family.ts'

/** `url` is the gateway's, with its route prefix if it has one. */
export interface GatewayOptions extends Target {
  readonly name: string
  /** The same for two that were configured with the same words. */
  readonly digest?: string
  /** How it is reached, beyond its URL. */
  readonly access?: Access
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
export const mergingInto = (options: GatewayOptions, labels: Labels): GatewayOptions => ({
  ...options,
  groupingKey: labelled(options.groupingKey, labels),
  method: 'POST',
  deleteOnStart: false,
  deleteOnShutdown: false,
  isWhole: true,
})
