import type { LogEntry, LogPosition } from '../memory-tail.ts'
import { fractionOf, includes, type SamplingRule } from '../sampling.ts'

/** How much of the log behind a cursor its endpoint takes. What was there before it chose is not known one by one. */
export class BacklogCounter {
  sampling: SamplingRule | undefined
  #since: LogPosition
  #included: { readonly sequence: number; readonly samples: number; readonly timestampMs: number }[] = []

  constructor(since: LogPosition) {
    this.#since = since
  }

  setSampling(sampling: SamplingRule | undefined, since: LogPosition): void {
    this.sampling = sampling
    this.#since = since
    this.#included = []
  }

  appended({ sequence, snapshot }: LogEntry): void {
    if (this.sampling === undefined || !includes(this.sampling, snapshot)) return
    const { timestampMs, values } = snapshot
    this.#included.push({ sequence, samples: values.length, timestampMs })
  }

  /** Of so many samples those that are taken. */
  share(samples: number): number {
    return fractionOf(this.sampling, samples)
  }

  /** What is taken between a cursor and the end of the log; of how long ago its first is, where that is known. */
  between(from: LogPosition, to: LogPosition) {
    const { sequence, samples } = this.sampling === undefined ? to : this.#since
    const before = {
      snapshots: Math.max(0, sequence - from.sequence),
      samples: Math.max(0, samples - from.samples),
      oldestMs: undefined,
    }
    if (this.sampling === undefined) return before
    this.#included = this.#included.filter(({ sequence }) => sequence > from.sequence)
    return {
      snapshots: this.share(before.snapshots) + this.#included.length,
      samples: this.#included.reduce((sum, { samples }) => sum + samples, this.share(before.samples)),
      oldestMs: before.snapshots === 0 ? this.#included[0]?.timestampMs : undefined,
    }
  }
}
