import type { Cursor, Entry } from '../../buffer/types.ts'
import type { Series } from '../../metrics/series.ts'
import { markable } from '../encode/batch.ts'
import type { Relabeller } from './relabel.ts'
import { canonicalize } from './same.ts'

/** So long a series without a marker is seen in queries; a later marker would only make it anew. */
const lookbackMs = 300_000

interface Deps {
  readonly cursor: Cursor
  readonly relabeller: Relabeller
}

/** The series that an endpoint got last, of this agent or the one before it: those that do not come any more have ended. */
export class StaleTracker {
  readonly #deps: Deps
  /** Undefined as long as this sender has delivered nothing. */
  #series: readonly Series[] | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** What is sent of these, and the series of the snapshot before them; one object for each label set of both. */
  async previousSeries(read: readonly Entry[]) {
    this.#series ??= await this.#ofAnother(read)
    return canonicalize(this.#deps.relabeller.entries(read), this.#series)
  }

  delivered(entry: Entry): void {
    this.#series = markable(entry)
  }

  async #ofAnother([first]: readonly Entry[]): Promise<readonly Series[]> {
    const { cursor, relabeller } = this.#deps
    const last = await cursor.lastDelivered((first?.snapshot.timestampMs ?? 0) - lookbackMs)
    return last === undefined ? [] : markable(relabeller.counted(last))
  }
}
