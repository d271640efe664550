import { type Clock, isSet } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import { StateRate } from '../util/log-rate.ts'
import { clockMessages as messages } from './messages.ts'

/** A change of the wall clock by more than this is a step, not drift; milliseconds. */
const stepMs = 60_000
/** An unconfirmed step is adopted after this time. */
const distrustMs = 3_600_000
/** How long samples are held while the clock is behind earlier samples: the host may be offline and wait for NTP. */
const maxWaitMs = 86_400_000
/** Prometheus and its derivatives reject samples that are further ahead of their clock. */
const futureMs = 600_000
/** After a small step back, sample time runs at this fraction of real time until the wall clock has caught up. */
const slowFactor = 0.9

export interface SampleClockStats {
  /** Detected steps of the wall clock. */
  steps: number
  /**
   * How far this host's clock is ahead of the receiver's, in milliseconds; undefined before the first response. With several
   * receivers, that of the receiver with the nearest time.
   */
  skewMs: number | undefined
}

/** When a collection is scheduled, milliseconds. */
export interface Due {
  readonly scheduledMs: number
  readonly intervalMs: number
}

/** A collection has its scheduled time as the timestamp if it begins within this part of the interval, or within 10 ms. */
const punctual = { partOfInterval: 0.01, ms: 10 }

/** What is known of one receiver's clock. */
interface ReceiverClock {
  skewMs: number
  /** Monotonic clock. */
  seenMs: number
  readonly state: StateRate
}

/** A receiver without a response for this time is forgotten: a reload may have removed it. */
const goneMs = 3_600_000

/** A skew has ended below this, milliseconds: less than `stepMs`, so that a skew near the limit is not logged each time. */
const agreementMs = 45_000

/** Milliseconds since the epoch; `unset` while the clock is not set; `past` while the clock is behind earlier samples. */
export type Timestamp = number | 'unset' | 'past'

/**
 * Timestamps of snapshots. They strictly increase, with one exception (3).
 *
 * 1. They follow the wall clock. A step of the wall clock is adopted when a receiver's time confirms it, or after an hour:
 *    a clock that is wrong for a while and then corrected changes no timestamp.
 * 2. If the old time is behind earlier samples, the step is adopted at once. A machine without a battery-backed clock
 *    boots with the time of its last shutdown or an older one; nothing is sent then that a receiver could confirm.
 * 3. If the clock stays behind earlier samples for a day, or a receiver confirms a time that is more than ten minutes
 *    behind them, the earlier samples were wrong: their clock was ahead. Sample time moves back once.
 *
 * Steps are measured against the boot clock, which continues while the machine is suspended.
 */
export class SampleClock {
  readonly stats: SampleClockStats = { steps: 0, skewMs: undefined }
  readonly #clock: Clock
  readonly #log: Log
  /** Adopted difference: wall clock minus boot clock. */
  #offsetMs: number | undefined
  #distrustedSinceMs: number | undefined
  #newestMs: number
  /** The timestamp before the newest. */
  #previousMs: number
  /** Boot clock at the last call of `next`. */
  #lastCallMs = 0
  /** By name of the receiver. */
  readonly #receivers = new Map<string, ReceiverClock>()
  /** Boot clock since when the clock is behind earlier samples. */
  #pastSinceMs: number | undefined
  /** Whether a receiver confirmed that the newest sample is in the future. */
  #isFuture = false

  /** `newestMs`: timestamp of the newest snapshot in the buffer, from a previous agent. */
  constructor(clock: Clock, log: Log, newestMs = 0) {
    this.#clock = clock
    this.#log = log
    this.#newestMs = this.#previousMs = newestMs
  }

  /**
   * The timestamp of a snapshot that is collected now, in whole milliseconds: the scheduled time, or the present time if
   * the collection is not scheduled or late.
   */
  next(due?: Due): Timestamp {
    const bootMs = this.#clock.bootMs()
    const wallMs = this.#clock.now()
    if (!isSet(wallMs)) return 'unset'
    const timestampMs = punctualTime(Math.floor(bootMs + this.#trust(wallMs, bootMs)), due)
    if (this.#isStuck(timestampMs, bootMs)) this.#goBack(timestampMs, bootMs)
    const resultMs = timestampMs > this.#newestMs ? timestampMs : this.#slowed(timestampMs, bootMs)
    this.#lastCallMs = bootMs
    if (resultMs === undefined) return 'past'
    this.#pastSinceMs = undefined
    this.#previousMs = this.#newestMs
    this.#newestMs = resultMs
    return resultMs
  }

  /** Converts boot clock to milliseconds since the epoch. The wall clock must be set. */
  at(bootMs: number): number {
    return Math.floor(bootMs + (this.#offsetMs ?? this.#clock.now() - this.#clock.bootMs()))
  }

  /** The timestamp of a held snapshot, collected at `bootMs`; undefined if it is not between the two newest timestamps. */
  timestampAt(bootMs: number): number | undefined {
    const timestampMs = this.at(bootMs)
    return timestampMs > this.#previousMs && timestampMs < this.#newestMs ? timestampMs : undefined
  }

  /** Compares with the time of a receiver, from the Date header of a response; its resolution is one second. */
  confirm(receiverMs: number, name = ''): void {
    const wallMs = this.#clock.now()
    const skewMs = wallMs - receiverMs
    this.#compare(name, skewMs)
    const isRight = Math.abs(skewMs) < stepMs
    if (isRight && this.#distrustedSinceMs !== undefined)
      this.#adopt(wallMs, this.#clock.bootMs(), 'a receiver has the same time')
    // a receiver with a wrong time does not contradict one with the right time
    if (isRight || this.#receivers.size === 1) this.#isFuture = isRight && this.#newestMs - receiverMs > futureMs
  }

  /** Logs when the clock of a receiver begins or ends to differ. */
  #compare(name: string, skewMs: number): void {
    const nowMs = this.#clock.monotonicMs()
    const receiver = this.#receivers.get(name) ?? { skewMs, seenMs: nowMs, state: new StateRate(this.#clock) }
    Object.assign(receiver, { skewMs, seenMs: nowMs })
    this.#receivers.set(name, receiver)
    for (const [other, { seenMs }] of this.#receivers) if (nowMs - seenMs > goneMs) this.#receivers.delete(other)
    this.stats.skewMs = this.#nearestMs()
    const limitMs = receiver.state.isLoggedAsBad ? agreementMs : stepMs
    const isSkewed = Math.abs(skewMs) >= limitMs
    if (!receiver.state.set(isSkewed)) return
    const fields = { ...(name !== '' && { receiver: name }), ahead_of_receiver: `${Math.round(skewMs / 1000)}s` }
    report(this.#log, isSkewed ? messages.skewed : messages.skewEnded, fields)
  }

  #nearestMs(): number | undefined {
    const skews = [...this.#receivers.values()].map(({ skewMs }) => skewMs)
    return skews.toSorted((left, right) => Math.abs(left) - Math.abs(right))[0]
  }

  /** The adopted offset. Detects steps. */
  #trust(wallMs: number, bootMs: number): number {
    const offsetMs = this.#offsetMs
    const isStepped = offsetMs !== undefined && Math.abs(wallMs - bootMs - offsetMs) > stepMs
    if (!isStepped) {
      this.#distrustedSinceMs = undefined
      this.#offsetMs = wallMs - bootMs
      return this.#offsetMs
    }
    const isRefuted = this.#isBehind(bootMs + offsetMs)
    if (this.#distrustedSinceMs === undefined) {
      this.#distrustedSinceMs = bootMs
      this.stats.steps++
      const by = `${Math.round((wallMs - bootMs - offsetMs) / 1000)}s`
      report(this.#log, isRefuted ? messages.stepped : messages.steppedUnconfirmed, { by })
    }
    if (isRefuted) this.#adopt(wallMs, bootMs, 'the old time was behind earlier samples')
    else if (bootMs - this.#distrustedSinceMs > distrustMs)
      this.#adopt(wallMs, bootMs, 'no receiver contradicted it for an hour')
    return this.#offsetMs ?? offsetMs
  }

  #isStuck(timestampMs: number, bootMs: number): boolean {
    if (!this.#isBehind(timestampMs)) return false
    this.#pastSinceMs ??= bootMs
    return this.#isFuture || bootMs - this.#pastSinceMs > maxWaitMs
  }

  /** Moves sample time back to before the held snapshots, so that they get timestamps. */
  #goBack(timestampMs: number, bootMs: number): void {
    report(this.#log, messages.movedBack, {
      by: `${Math.round((this.#newestMs - timestampMs) / 1000)}s`,
    })
    this.#newestMs = timestampMs - (bootMs - (this.#pastSinceMs ?? bootMs)) - 1
    this.#isFuture = false
  }

  #isBehind(timestampMs: number): boolean {
    return this.#newestMs - timestampMs > stepMs
  }

  #adopt(wallMs: number, bootMs: number, why: string): void {
    this.#offsetMs = wallMs - bootMs
    this.#distrustedSinceMs = undefined
    report(this.#log, messages.adopted, { why })
  }

  /** The timestamp after a small step back: sample time runs slower. Undefined after a larger step back. */
  #slowed(timestampMs: number, bootMs: number): number | undefined {
    if (this.#isBehind(timestampMs)) return undefined
    return Math.floor(this.#newestMs + Math.max(1, (bootMs - this.#lastCallMs) * slowFactor))
  }
}

function punctualTime(nowMs: number, due: Due | undefined): number {
  if (due === undefined) return nowMs
  const toleranceMs = Math.max(punctual.ms, due.intervalMs * punctual.partOfInterval)
  return Math.abs(nowMs - due.scheduledMs) <= toleranceMs ? Math.round(due.scheduledMs) : nowMs
}
