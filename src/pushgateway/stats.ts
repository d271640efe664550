/** Counters of one Pushgateway. Times are milliseconds since the epoch. */
export interface GatewayStats {
  samples: number
  /** Samples of rejected families. */
  samplesRejected: number
  /** Number of families that are not pushed now. */
  familiesRejected: number
  /** Snapshots that were replaced by a newer one before they were pushed. */
  skipped: number
  /** Compressed bytes of accepted pushes. */
  bytes: number
  retries: number
  lastPushMs: number
  requestSeconds: number
  /** Number of responses by HTTP status; 0 means no response. */
  readonly answers: Map<number, number>
}

/** State of one Pushgateway for its self metrics. */
export interface GatewayState {
  readonly name: string
  readonly url: string
  readonly stats: GatewayStats
}

export const createStats = (): GatewayStats => ({
  samples: 0,
  samplesRejected: 0,
  familiesRejected: 0,
  skipped: 0,
  bytes: 0,
  retries: 0,
  lastPushMs: 0,
  requestSeconds: 0,
  answers: new Map(),
})
