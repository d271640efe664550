import type { LogEntry, Place } from '../memory-tail.ts'
import { type Choice, shareOf, takes } from '../sampling.ts'

/** How much of the log behind a cursor its endpoint takes. What was there before it chose is not known one by one. */
export class Waiting {
  choice: Choice | undefined
  #since: Place
  #taken: { readonly sequence: number; readonly samples: number; readonly timestampMs: number }[] = []

  constructor(since: Place) {
    this.#since = since
  }

  choose(choice: Choice | undefined, since: Place): void {
    this.choice = choice
    this.#since = since
    this.#taken = []
  }

  appended({ sequence, snapshot }: LogEntry): void {
    if (this.choice === undefined || !takes(this.choice, snapshot)) return
    const { timestampMs, values } = snapshot
    this.#taken.push({ sequence, samples: values.length, timestampMs })
  }

  /** Of so many samples those that are taken. */
  share(samples: number): number {
    return shareOf(this.choice, samples)
  }

  /** What is taken between a cursor and the end of the log; of how long ago its first is, where that is known. */
  between(from: Place, to: Place) {
    const { sequence, samples } = this.choice === undefined ? to : this.#since
    const before = {
      snapshots: Math.max(0, sequence - from.sequence),
      samples: Math.max(0, samples - from.samples),
      oldestMs: undefined,
    }
    if (this.choice === undefined) return before
    this.#taken = this.#taken.filter(({ sequence }) => sequence > from.sequence)
    return {
      snapshots: this.share(before.snapshots) + this.#taken.length,
      samples: this.#taken.reduce((sum, { samples }) => sum + samples, this.share(before.samples)),
      oldestMs: before.snapshots === 0 ? this.#taken[0]?.timestampMs : undefined,
    }
  }
}
