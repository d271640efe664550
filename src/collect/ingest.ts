import { type Buffer, bytesOf, tailBytes } from '../buffer/index.ts'

import type { Snapshot, Starts } from '../metrics/index.ts'

import type { Clock } from '../util/clock.ts'
import { type Log, type Message, report } from '../util/log.ts'
import type { CollectionResult } from './cycle.ts'
import { clockMessages as messages } from './messages.ts'
import type { SampleClock, Timestamp } from './sample-clock.ts'

/**
 * What waits for the clock to be put right, at most: three hours of 700 series at 15 seconds. It goes to the buffer at
 * once, whose memory must hold it until it is on disk.
 */
const maxPendingBytes = tailBytes.maxBytes / 2

interface PendingSnapshot {
  readonly snapshot: Snapshot
  readonly bootMs: number
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly onDrop: (samples: number) => void
}

/** Puts snapshots into the buffer at their place in time. */
export class Ingest {
  readonly #buffer: Pick<Buffer, 'append'>
  readonly #sampleClock: SampleClock
  readonly #clock: Clock
  readonly #log: Log
  /** Taken while the clock was not set, or behind what was collected before; with the boot clock's time. */
  readonly #pending: PendingSnapshot[] = []
  #pendingBytes = 0
  #timestamp: Timestamp = 'unset'
  /** Of the boot clock, then. */
  #timestampBootMs = 0
  /** It has been said. */
  #isPending = false
  #isDropping = false
  /** Of the boot clock, when this agent began. */
  readonly #startedMs: number
  /** Worked out once: a counter's beginning does not move with the clock. */
  #starts: Starts | undefined
  readonly #onDrop: (samples: number) => void

  /** `onDrop` is told of samples that have no place in time. */
  constructor(buffer: Pick<Buffer, 'append'>, sampleClock: SampleClock, { clock, log, onDrop }: Deps) {
    this.#buffer = buffer
    this.#sampleClock = sampleClock
    this.#clock = clock
    this.#log = log
    this.#onDrop = onDrop
    this.#startedMs = clock.bootMs()
  }

  /** The timestamp of the collection that begins now, milliseconds since the epoch. */
  startCycle(): number {
    this.#timestampBootMs = this.#clock.bootMs()
    this.#timestamp = this.#sampleClock.next()
    return typeof this.#timestamp === 'number' ? this.#timestamp : Math.floor(this.#clock.now())
  }

  /** Takes in what was collected since `moment`. */
  add({ snapshot }: Pick<CollectionResult, 'snapshot'>): void {
    if (typeof this.#timestamp === 'string') this.#hold(snapshot, this.#timestamp)
    else this.#append(snapshot)
  }

  /** Nothing is taken in any more: what still waits has no place. */
  end(): void {
    this.#drop(this.#released(), messages.stoppedWhileHolding)
  }

  #append(snapshot: Snapshot): void {
    const starts = (this.#starts ??= this.#startsNow())
    const late: PendingSnapshot[] = []
    for (const one of this.#released()) {
      const timestampMs = this.#sampleClock.timestampAt(one.bootMs)
      if (timestampMs === undefined) late.push(one)
      else this.#buffer.append({ ...one.snapshot, starts, timestampMs })
    }
    this.#drop(late, messages.overlap)
    this.#buffer.append({ ...snapshot, starts })
    this.#isPending = this.#isDropping = false
  }

  /** The boot to the second: as two agents of one boot see it, it is the same but for the drift of the clock. */
  #startsNow(): Starts {
    return { boot: Math.round(this.#sampleClock.at(0) / 1000) * 1000, start: this.#sampleClock.at(this.#startedMs) }
  }

  #hold(snapshot: Snapshot, why: 'unset' | 'past'): void {
    if (!this.#isPending) report(this.#log, why === 'unset' ? messages.unset : messages.behind)
    this.#isPending = true
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

  #released(): readonly PendingSnapshot[] {
    this.#pendingBytes = 0
    return this.#pending.splice(0)
  }

  #drop(lost: readonly PendingSnapshot[], message: Message): void {
    if (lost.length === 0) return
    const samples = lost.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
    this.#onDrop(samples)
    if (!this.#isDropping) report(this.#log, message, { samples })
    this.#isDropping = true
  }
}
