import type { ReceiverLabels } from '../../http/retry/error-log.ts'
import type { Log } from '../../util/log.ts'
import type { EndpointStats } from '../stats.ts'

interface Deps {
  readonly log: Log
  readonly stats: Pick<EndpointStats, 'samplesDropped'>
  readonly receiver: ReceiverLabels
}

/** As it is counted. */
const dropReason = 'receiver_wrote_less'

/** What a receiver says it has written of what it was sent, where that is not all of it: said once while it lasts. */
export class WrittenCounts {
  readonly #deps: Deps
  #isPart = false
  #isLess = false

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** So many samples of a request were refused, and the receiver does not tell which. */
  part(samples: number, explained: { readonly reason: string; readonly hint?: string | undefined }): void {
    const { log, receiver } = this.#deps
    const fields = { ...receiver, samples, ...explained }
    if (this.#isPart) log.debug('remote-write: some samples are refused, all others are taken', fields)
    else log.error('remote-write: some samples are refused, all others are taken', fields)
    this.#isPart = true
  }

  /** A whole request was taken; not every receiver counts. */
  taken(samples: number, written = samples): void {
    const { log, receiver, stats } = this.#deps
    if (this.#isPart) log.info('remote-write: all samples are taken again', receiver)
    this.#isPart = false
    const less = Math.max(0, samples - written)
    if (less > 0) stats.samplesDropped.set(dropReason, (stats.samplesDropped.get(dropReason) ?? 0) + less)
    if (less > 0 && !this.#isLess)
      log.warn('remote-write: the receiver says that all is well, and has written less', {
        ...receiver,
        samples,
        written,
      })
    this.#isLess = less > 0
  }
}
