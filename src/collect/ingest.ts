import { bytesOf, ringBytes } from '../buffer/memory-tail.ts'
import type { Buffer } from '../buffer/types.ts'
import type { Starts } from '../metrics/family.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import type { Cycle } from './cycle.ts'
import type { Moment, Timeline } from './sample-clock.ts'

/**
 * What waits for the clock to be put right, at most: three hours of 700 series at 15 seconds. It goes to the buffer at
 * once, whose memory must hold it until it is on disk.
 */
const waitingBytes = ringBytes.mostBytes / 2

interface Waiting {
  readonly snapshot: Snapshot
  readonly bootMs: number
}

interface Means {
  readonly clock: Clock
  readonly log: Log
  readonly onDrop: (samples: number) => void
}

/** Puts snapshots into the buffer at their place in time. */
export class Intake {
  readonly #buffer: Pick<Buffer, 'append'>
  readonly #timeline: Timeline
  readonly #clock: Clock
  readonly #log: Log
  /** Taken while the clock was not set, or behind what was collected before; with the boot clock's time. */
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  #moment: Moment = 'unset'
  /** Of the boot clock, then. */
  #momentBootMs = 0
  /** It has been said. */
  #isWaiting = false
  #isLosing = false
  /** Of the boot clock, when this agent began. */
  readonly #begunMs: number
  /** Worked out once: a counter's beginning does not move with the clock. */
  #starts: Starts | undefined
  readonly #onDrop: (samples: number) => void

  /** `onDrop` is told of samples that have no place in time. */
  constructor(buffer: Pick<Buffer, 'append'>, timeline: Timeline, { clock, log, onDrop }: Means) {
    this.#buffer = buffer
    this.#timeline = timeline
    this.#clock = clock
    this.#log = log
    this.#onDrop = onDrop
    this.#begunMs = clock.bootMs()
  }

  /** The timestamp of the collection that begins now, milliseconds since the epoch. */
  moment(): number {
    this.#momentBootMs = this.#clock.bootMs()
    this.#moment = this.#timeline.next()
    return typeof this.#moment === 'number' ? this.#moment : Math.floor(this.#clock.now())
  }

  /** Takes in what was collected since `moment`. */
  take({ snapshot }: Pick<Cycle, 'snapshot'>): void {
    if (typeof this.#moment === 'string') this.#wait(snapshot, this.#moment)
    else this.#append(snapshot)
  }

  /** Nothing is taken in any more: what still waits has no place. */
  end(): void {
    this.#lose(this.#released(), 'clock: was not put right before the stop: samples that waited for it are lost')
  }

  #append(snapshot: Snapshot): void {
    const starts = (this.#starts ??= this.#startsNow())
    const late: Waiting[] = []
    for (const one of this.#released()) {
      const timestampMs = this.#timeline.placeOf(one.bootMs)
      if (timestampMs === undefined) late.push(one)
      else this.#buffer.append({ ...one.snapshot, starts, timestampMs })
    }
    this.#lose(
      late,
      'clock: went back behind what was collected before: samples that were taken meanwhile have no place',
    )
    this.#buffer.append({ ...snapshot, starts })
    this.#isWaiting = this.#isLosing = false
  }

  /** The boot to the second: as two agents of one boot see it, it is the same but for the drift of the clock. */
  #startsNow(): Starts {
    return { boot: Math.round(this.#timeline.at(0) / 1000) * 1000, start: this.#timeline.at(this.#begunMs) }
  }

  #wait(snapshot: Snapshot, why: 'unset' | 'past'): void {
    const what = why === 'unset' ? 'is not set yet' : 'is behind what was collected before'
    if (!this.#isWaiting) this.#log.warn(`clock: ${what}: samples wait until it is put right (NTP)`)
    this.#isWaiting = true
    this.#waiting.push({ snapshot, bootMs: this.#momentBootMs })
    this.#waitingBytes += bytesOf(snapshot)
    const tooMany: Waiting[] = []
    for (const one of this.#waiting.slice(0, -1)) {
      if (this.#waitingBytes <= waitingBytes) break
      this.#waitingBytes -= bytesOf(one.snapshot)
      tooMany.push(one)
    }
    this.#waiting.splice(0, tooMany.length)
    this.#lose(tooMany, 'clock: is not put right, and too many samples wait for it: the oldest are lost')
  }

  #released(): readonly Waiting[] {
    this.#waitingBytes = 0
    return this.#waiting.splice(0)
  }

  #lose(lost: readonly Waiting[], message: string): void {
    if (lost.length === 0) return
    const samples = lost.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
    this.#onDrop(samples)
    if (!this.#isLosing) this.#log.error(message, { samples })
    this.#isLosing = true
  }
}
