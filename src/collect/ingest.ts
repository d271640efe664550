import { type Buffer, bytesOf, tailBytes } from '../buffer/index.ts'

import type { Snapshot, Starts } from '../metrics/index.ts'

import type { Clock } from '../util/clock.ts'
import { type Log, type Message, report } from '../util/log.ts'
import type { CollectionResult } from './cycle.ts'
import { clockMessages as messages } from './messages.ts'
import type { Due, SampleClock, Timestamp } from './sample-clock.ts'

/**
 * Limit of the snapshots that are held until the clock is correct: three hours of 700 series at 15 seconds. They are
 * appended to the buffer all at once and must fit into its memory tail until they are on disk.
 */
const maxPendingBytes = tailBytes.maxBytes / 2

interface PendingSnapshot {
  readonly snapshot: Snapshot
  /** Boot clock at the start of its collection. */
  readonly bootMs: number
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
  /** Called with the number of dropped samples that never got a timestamp. */
  readonly onDrop: (samples: number) => void
}

/** Appends snapshots to the buffer. Holds them in memory while the clock is not set or is behind earlier samples. */
export class Ingest {
  readonly #buffer: Pick<Buffer, 'append'>
  readonly #sampleClock: SampleClock
  readonly #clock: Clock
  readonly #log: Log
  /** Snapshots that are held. */
  readonly #pending: PendingSnapshot[] = []
  #pendingBytes = 0
  #timestamp: Timestamp = 'unset'
  /** Boot clock when `#timestamp` was taken. */
  #timestampBootMs = 0
  /** Whether the log says that samples are held. */
  #isHolding = false
  /** Whether the log says that samples are dropped. */
  #isDropping = false
  /** Boot clock at the start of this agent. */
  readonly #startedMs: number
  /** Computed once: the start of a counter does not change when the clock is corrected. */
  #starts: Starts | undefined
  readonly #onDrop: (samples: number) => void

  constructor(buffer: Pick<Buffer, 'append'>, sampleClock: SampleClock, { clock, log, onDrop }: Deps) {
    this.#buffer = buffer
    this.#sampleClock = sampleClock
    this.#clock = clock
    this.#log = log
    this.#onDrop = onDrop
    this.#startedMs = clock.bootMs()
  }

  /** Starts a collection, which may be scheduled. Returns its timestamp, milliseconds since the epoch. */
  startCycle(due?: Due): number {
    this.#timestampBootMs = this.#clock.bootMs()
    this.#timestamp = this.#sampleClock.next(due)
    return typeof this.#timestamp === 'number' ? this.#timestamp : Math.floor(this.#clock.now())
  }

  /** Appends or holds the snapshot of the collection that `startCycle` started. */
  add({ snapshot }: Pick<CollectionResult, 'snapshot'>): void {
    if (typeof this.#timestamp === 'string') this.#hold(snapshot, this.#timestamp)
    else this.#append(snapshot)
  }

  /** Drops the snapshots that are still held. Call it once, at the stop. */
  end(): void {
    this.#drop(this.#release(), messages.stoppedWhileHolding)
  }

  #append(snapshot: Snapshot): void {
    const starts = (this.#starts ??= this.#startsNow())
    const overlapping: PendingSnapshot[] = []
    for (const one of this.#release()) {
      const timestampMs = this.#sampleClock.timestampAt(one.bootMs)
      if (timestampMs === undefined) overlapping.push(one)
      else this.#buffer.append({ ...one.snapshot, starts, timestampMs })
    }
    this.#drop(overlapping, messages.overlap)
    this.#buffer.append({ ...snapshot, starts })
    this.#isHolding = this.#isDropping = false
  }

  /** Rounds the boot time to seconds: two agents of one boot then get the same value, except for clock drift. */
  #startsNow(): Starts {
    return { boot: Math.round(this.#sampleClock.at(0) / 1000) * 1000, start: this.#sampleClock.at(this.#startedMs) }
  }

  #hold(snapshot: Snapshot, why: 'unset' | 'past'): void {
    if (!this.#isHolding) report(this.#log, why === 'unset' ? messages.unset : messages.behind)
    this.#isHolding = true
    this.#pending.push({ snapshot, bootMs: this.#timestampBootMs })
    this.#pendingBytes += bytesOf(snapshot)
    const tooMany: PendingSnapshot[] = []
    for (const one of this.#pending.slice(0, -1)) {
      if (this.#pendingBytes <= maxPendingBytes) break
      this.#pendingBytes -= bytesOf(one.snapshot)
      tooMany.push(one)
    }
    this.#pending.splice(0, tooMany.length)
    this.#drop(tooMany, messages.tooManyHeld)
  }

  #release(): readonly PendingSnapshot[] {
    this.#pendingBytes = 0
    return this.#pending.splice(0)
  }

  #drop(dropped: readonly PendingSnapshot[], message: Message): void {
    if (dropped.length === 0) return
    const samples = dropped.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
    this.#onDrop(samples)
    if (!this.#isDropping) report(this.#log, message, { samples })
    this.#isDropping = true
  }
}
