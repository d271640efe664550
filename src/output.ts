import type { CollectionResult } from './collect/cycle.ts'

/** What takes snapshots away: remote-write from the buffer, Pushgateway the newest, web the last one on request. */
export interface Output {
  readonly name: string
  /** A new snapshot is there. Must not wait, and may throw: the agent guards each output. */
  onSnapshot(cycle: CollectionResult): void
  /** Delivers what it can until the signal aborts, then lets go of everything it holds. */
  stop(deadline: AbortSignal): Promise<void>
}

/** An output that has not got all when it is stopped. */
export interface Undelivered {
  readonly name: string
  readonly url: string
  readonly snapshots: number
  /** They are in the buffer, and as safe as that is. */
  readonly isBuffered: boolean
  readonly reason?: string
}
