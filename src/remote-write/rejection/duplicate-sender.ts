import type { ReceiverLabels } from '../../http/index.ts'
import type { Snapshot } from '../../metrics/index.ts'
import type { Clock } from '../../util/clock.ts'
import { type Log, report } from '../../util/log.ts'
import type { Label } from '../encode/labels.ts'
import { rejectionMessages } from '../messages.ts'
import type { EndpointStats } from '../stats.ts'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly receiver: ReceiverLabels
  readonly stats: EndpointStats
  /** The wall clock of this host has stepped since the start. */
  readonly hasStepped: () => boolean
}

/** The words of receivers for a sample at or before a series' newest one. */
const outOfOrder = /out.of.order|duplicate.(sample|timestamp)|sample-duplicate/i

/** As long as no more of it is refused than once in this time, nobody else seems to send. */
const forgottenMs = 3_600_000

const remedy =
  'give each host a different instance label: set instance or global.external_labels; on cloned machines set instance: "${machine_id}"'

/**
 * Recognises that somebody else sends under the labels of this host: samples are refused as out of order although time
 * never goes back here, no answer was lost, and no sample brought a time of its own.
 */
export class DuplicateSender {
  readonly #deps: Deps
  #lastMs: number | undefined
  #theirs = ''

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Who is in doubt, and what to do; undefined while nobody is. */
  get problem(): string | undefined {
    return this.#lastMs === undefined ? undefined : `another sender uses the same labels ${this.#theirs} (${remedy})`
  }

  /** A snapshot of this host, or a part of it, was refused for the first time that it was sent. */
  refused(snapshot: Snapshot, reason: string, labels: readonly Label[]): void {
    const { clock, log, receiver, stats, hasStepped } = this.#deps
    if (!outOfOrder.test(reason) || snapshot.ownTimestampsMs !== undefined || hasStepped()) return
    stats.duplicateSender++
    const isNew = this.#lastMs === undefined
    this.#lastMs = clock.monotonicMs()
    if (!isNew) return
    const identity = Object.fromEntries(labels.filter(([name]) => name === 'job' || name === 'instance'))
    this.#theirs = JSON.stringify(identity)
    report(log, rejectionMessages.duplicateSender, { ...receiver, ...identity, reason, hint: remedy })
  }

  /** Something was taken. */
  taken(): void {
    if (this.#lastMs === undefined || this.#deps.clock.monotonicMs() - this.#lastMs < forgottenMs) return
    this.#lastMs = undefined
    report(this.#deps.log, rejectionMessages.duplicateSenderGone, this.#deps.receiver)
  }
}
