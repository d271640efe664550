/** One gateway's numbers. Times are milliseconds since the epoch. */
export interface GatewayStats {
  samples: number
  /** Samples of families that the gateway refuses. */
  samplesRefused: number
  /** Families that are left out of every push at the moment. */
  familiesRefused: number
  /** Snapshots that were never pushed, as a newer one came. */
  skipped: number
  /** Compressed bytes of delivered pushes. */
  bytes: number
  retries: number
  lastPushMs: number
  requestSeconds: number
  /** Answers by status; 0 stands for no answer. */
  readonly answers: Map<number, number>
}

/** One gateway at one moment, as its self metrics show it. */
export interface GatewayState {
  readonly name: string
  readonly url: string
  readonly stats: GatewayStats
}

export const createStats = (): GatewayStats => ({
  samples: 0,
  samplesRefused: 0,
  familiesRefused: 0,
  skipped: 0,
  bytes: 0,
  retries: 0,
  lastPushMs: 0,
  requestSeconds: 0,
  answers: new Map(),
})
