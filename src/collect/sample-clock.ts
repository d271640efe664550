import { type Clock, isSet } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import { clockMessages as messages } from './messages.ts'

/** A difference between clocks that is a step and not a drift, milliseconds. */
const stepMs = 60_000
/** How long a step that nobody confirms is distrusted. */
const distrustMs = 3_600_000
/** How long samples wait for a clock that is behind what was collected before: it may be offline that waits for NTP. */
const maxWaitMs = 86_400_000
/** Receivers take no sample that is further ahead of their own time; Prometheus and those after it take none. */
const futureMs = 600_000
/** After a small step back time goes on at this share of its speed until the wall clock has caught up. */
const slowFactor = 0.9

export interface SampleClockStats {
  /** Steps of the wall clock that were seen. */
  steps: number
  /** How far this host's clock is ahead of the receiver's, milliseconds; undefined until one has told its time. */
  skewMs: number | undefined
}

/** When a snapshot was taken; `unset` while the clock is not; `past` where it is behind what was collected before. */
export type Timestamp = number | 'unset' | 'past'

/**
 * The time of snapshots: it never goes back and never stands still. It follows the wall clock, except that a step of it
 * is distrusted until a receiver's own time agrees (or an hour has passed): a clock that is set wrong for a while, and
 * back, moves nothing. A time that is behind what was collected before is no better than the step: a machine without a
 * battery begins with the time of its last shutdown, or an older one, and nothing is sent that a receiver could agree to.
 * Where it stays so for a day, or a receiver agrees with a time that is ten minutes behind and more, it is the samples
 * from before that were wrong, of a clock that was ahead: time goes back, this once.
 * What measures a step is the boot clock, which goes on while the machine sleeps.
 */
export class SampleClock {
  readonly stats: SampleClockStats = { steps: 0, skewMs: undefined }
  readonly #clock: Clock
  readonly #log: Log
  /** Wall clock minus boot clock, as it is believed. */
  #offsetMs: number | undefined
  #distrustedSinceMs: number | undefined
  #newestMs: number
  /** The moment before the newest. */
  #beforeMs: number
  /** Boot clock when a moment was last asked for. */
  #askedMs = 0
  #warned = false
  /** Boot clock since when there has been no place for samples, and whether there never will be. */
  #pastSinceMs: number | undefined
  #isFuture = false

  /** `newestMs` is the time of the newest snapshot that an agent before this one has left. */
  constructor(clock: Clock, log: Log, newestMs = 0) {
    this.#clock = clock
    this.#log = log
    this.#newestMs = this.#beforeMs = newestMs
  }

  /** The moment of a snapshot that is taken now, whole milliseconds since the epoch. */
  next(): Timestamp {
    const bootMs = this.#clock.bootMs()
    const wallMs = this.#clock.now()
    if (!isSet(wallMs)) return 'unset'
    const momentMs = Math.floor(bootMs + this.#trust(wallMs, bootMs))
    if (this.#isStuck(momentMs, bootMs)) this.#goBack(momentMs, bootMs)
    const placedMs = momentMs > this.#newestMs ? momentMs : this.#slowed(momentMs, bootMs)
    this.#askedMs = bootMs
    if (placedMs === undefined) return 'past'
    this.#pastSinceMs = undefined
    this.#beforeMs = this.#newestMs
    this.#newestMs = placedMs
    return placedMs
  }

  /** The moment of something that happened at this time of the boot clock, now that the wall clock is set. */
  at(bootMs: number): number {
    return Math.floor(bootMs + (this.#offsetMs ?? this.#clock.now() - this.#clock.bootMs()))
  }

  /** The same, of what waited for the newest moment; undefined where that is not between it and the one before. */
  timestampAt(bootMs: number): number | undefined {
    const momentMs = this.at(bootMs)
    return momentMs > this.#beforeMs && momentMs < this.#newestMs ? momentMs : undefined
  }

  /** A receiver's own time, from the Date of its answer: it has whole seconds. */
  confirm(receiverMs: number): void {
    const wallMs = this.#clock.now()
    this.stats.skewMs = wallMs - receiverMs
    const isRight = Math.abs(this.stats.skewMs) < stepMs
    if (isRight && this.#distrustedSinceMs !== undefined)
      this.#adopt(wallMs, this.#clock.bootMs(), 'a receiver has the same time')
    this.#isFuture = isRight && this.#newestMs - receiverMs > futureMs
    if (isRight !== this.#warned) return
    this.#warned = !isRight
    const fields = { ahead_of_receiver: `${Math.round(this.stats.skewMs / 1000)}s` }
    report(this.#log, isRight ? messages.skewEnded : messages.skewed, fields)
  }

  /** The offset to go by. */
  #trust(wallMs: number, bootMs: number): number {
    const known = this.#offsetMs
    const stepped = known !== undefined && Math.abs(wallMs - bootMs - known) > stepMs
    if (!stepped) {
      this.#distrustedSinceMs = undefined
      this.#offsetMs = wallMs - bootMs
      return this.#offsetMs
    }
    const isRefuted = this.#isBehind(bootMs + known)
    if (this.#distrustedSinceMs === undefined) {
      this.#distrustedSinceMs = bootMs
      this.stats.steps++
      const by = `${Math.round((wallMs - bootMs - known) / 1000)}s`
      report(this.#log, isRefuted ? messages.stepped : messages.steppedUnconfirmed, { by })
    }
    if (isRefuted) this.#adopt(wallMs, bootMs, 'the old time was behind earlier samples')
    else if (bootMs - this.#distrustedSinceMs > distrustMs)
      this.#adopt(wallMs, bootMs, 'no receiver contradicted it for an hour')
    return this.#offsetMs ?? known
  }

  #isStuck(momentMs: number, bootMs: number): boolean {
    if (!this.#isBehind(momentMs)) return false
    this.#pastSinceMs ??= bootMs
    return this.#isFuture || bootMs - this.#pastSinceMs > maxWaitMs
  }

  /** Behind what waits, which has its place then. */
  #goBack(momentMs: number, bootMs: number): void {
    report(this.#log, messages.movedBack, {
      by: `${Math.round((this.#newestMs - momentMs) / 1000)}s`,
    })
    this.#newestMs = momentMs - (bootMs - (this.#pastSinceMs ?? bootMs)) - 1
    this.#isFuture = false
  }

  #isBehind(momentMs: number): boolean {
    return this.#newestMs - momentMs > stepMs
  }

  #adopt(wallMs: number, bootMs: number, why: string): void {
    this.#offsetMs = wallMs - bootMs
    this.#distrustedSinceMs = undefined
    report(this.#log, messages.adopted, { why })
  }

  /** Time that was set back a little goes on slowly; further back there is no place for new samples. */
  #slowed(momentMs: number, bootMs: number): number | undefined {
    if (this.#isBehind(momentMs)) return undefined
    return Math.floor(this.#newestMs + Math.max(1, (bootMs - this.#askedMs) * slowFactor))
  }
}
