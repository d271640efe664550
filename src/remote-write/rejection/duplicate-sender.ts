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
  /** Whether the wall clock of this host has stepped since the start. */
  readonly hasStepped: () => boolean
}

/** Error messages of receivers for a sample that is not newer than the newest one of its series. */
const outOfOrder = /out.of.order|duplicate.(sample|timestamp)|sample-duplicate/i

/** Without such a rejection for this time, the other sender counts as gone. */
const goneAfterMs = 3_600_000

const remedy =
  'give each host a different instance label: set instance or global.external_labels; on cloned machines set instance: "${machine_id}"'

/**
 * Detects a second sender with the same labels: the receiver rejects samples as out of order although the clock of this
 * host did not step, no response was lost, and the samples have no explicit timestamps.
 */
export class DuplicateSender {
  readonly #deps: Deps
  #lastMs: number | undefined
  #identity = ''

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** The conflict and its remedy; undefined if there is none. */
  get problem(): string | undefined {
    return this.#lastMs === undefined ? undefined : `another sender uses the same labels ${this.#identity} (${remedy})`
  }

  /** The receiver rejected a snapshot, or a part of it, at the first attempt. */
  onRejected(snapshot: Snapshot, reason: string, labels: readonly Label[]): void {
    const { clock, log, receiver, stats, hasStepped } = this.#deps
    if (!outOfOrder.test(reason) || snapshot.ownTimestampsMs !== undefined || hasStepped()) return
    stats.duplicateSender++
    const isNew = this.#lastMs === undefined
    this.#lastMs = clock.monotonicMs()
    if (!isNew) return
    const identity = Object.fromEntries(labels.filter(([name]) => name === 'job' || name === 'instance'))
    this.#identity = JSON.stringify(identity)
    report(log, rejectionMessages.duplicateSender, { ...receiver, ...identity, reason, hint: remedy })
  }

  /** The receiver accepted a request. */
  onAccepted(): void {
    if (this.#lastMs === undefined || this.#deps.clock.monotonicMs() - this.#lastMs < goneAfterMs) return
    this.#lastMs = undefined
    report(this.#deps.log, rejectionMessages.duplicateSenderGone, this.#deps.receiver)
  }
}
