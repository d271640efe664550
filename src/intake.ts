import type { Buffer } from './buffer/buffer.ts'
import type { Clock } from './clock.ts'
import type { Cycle } from './cycle.ts'
import type { Log } from './log.ts'
import type { Starts } from './metrics/family.ts'
import type { Snapshot } from './metrics/snapshot.ts'
import type { Moment, Timeline } from './timeline.ts'

/** Snapshots that wait for the clock to be set, at most: an hour at 15 seconds. */
const waitingAtMost = 240

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
  /** Taken before the clock was set, with the boot clock's time. */
  readonly #waiting: { readonly snapshot: Snapshot; readonly bootMs: number }[] = []
  #moment: Moment = 'unset'
  #lost = false
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
    this.#moment = this.#timeline.next()
    return typeof this.#moment === 'number' ? this.#moment : Math.floor(this.#clock.now())
  }

  /** Takes in what was collected since `moment`. */
  take({ snapshot }: Pick<Cycle, 'snapshot'>): void {
    if (this.#moment === 'unset') this.#wait(snapshot)
    else if (this.#moment === 'past') this.#drop(snapshot, 'clock: no place for samples: time went back behind them')
    else this.#append(snapshot)
  }

  #append(snapshot: Snapshot): void {
    this.#lost = false
    const starts = (this.#starts ??= this.#startsNow())
    for (const { snapshot: earlier, bootMs } of this.#waiting.splice(0)) {
      this.#buffer.append({ ...earlier, starts, timestampMs: this.#timeline.at(bootMs) })
    }
    this.#buffer.append({ ...snapshot, starts })
  }

  /** The boot to the second: as two agents of one boot see it, it is the same but for the drift of the clock. */
  #startsNow(): Starts {
    return { boot: Math.round(this.#timeline.at(0) / 1000) * 1000, start: this.#timeline.at(this.#begunMs) }
  }

  #wait(snapshot: Snapshot): void {
    if (this.#waiting.length === 0) this.#log.warn('clock: is not set yet: samples wait until it is')
    this.#waiting.push({ snapshot, bootMs: this.#clock.bootMs() })
    const oldest = this.#waiting.length > waitingAtMost ? this.#waiting.shift() : undefined
    if (oldest !== undefined) this.#drop(oldest.snapshot, 'clock: is not set, and too many samples wait for it')
  }

  #drop(snapshot: Snapshot, message: string): void {
    this.#onDrop(snapshot.values.length)
    if (!this.#lost) this.#log.error(message)
    this.#lost = true
  }
}
