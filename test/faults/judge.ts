import type { LedgerEntry } from '../../src/demo-receiver/store.ts'
import { valuesAt } from './numbers.ts'

/** A snapshot that was safe on disk, as the outside ledger has it. */
export interface Durable {
  readonly timestampMs: number
  readonly samples: number
}

/** What a receiver has, against what was collected: in samples. */
export interface Verdict {
  readonly snapshots: number
  readonly samples: number
  readonly missing: number
  readonly doubled: number
  readonly outOfOrder: number
  /** With a value that is not its time's, or at a time at which there was no such series. */
  readonly wrong: number
}

export const faultless = { missing: 0, doubled: 0, outOfOrder: 0, wrong: 0 }

/** Every sample once and in order: stale markers are not judged. */
export function judge(durable: readonly Durable[], arrived: readonly LedgerEntry[]): Verdict {
  const newest = new Map<string, number>()
  const taken = new Set<string>()
  const byTime = new Map<number, number>()
  const times = new Map<number, number>()
  let [doubled, outOfOrder, wrong] = [0, 0, 0]
  for (const { series, timestampMs, value, stale } of arrived) {
    if (stale) continue
    const key = `${timestampMs} ${series}`
    if (taken.has(key)) doubled++
    else if (timestampMs < (newest.get(series) ?? 0)) outOfOrder++
    taken.add(key)
    newest.set(series, Math.max(timestampMs, newest.get(series) ?? 0))
    byTime.set(timestampMs, (byTime.get(timestampMs) ?? 0) + 1)
    const part = /^fault_time\{.*part="(\d+)"/.exec(series)?.[1]
    if (part === undefined) continue
    times.set(timestampMs, (times.get(timestampMs) ?? 0) + 1)
    if (!Object.is(valuesAt(timestampMs).get(part), value)) wrong++
  }
  let [samples, missing] = [0, 0]
  const known = new Set<number>()
  for (const one of durable) {
    known.add(one.timestampMs)
    samples += one.samples
    missing += Math.max(0, one.samples - (byTime.get(one.timestampMs) ?? 0))
  }
  // written when the agent was killed, not known to be safe: it may be there, but whole
  for (const [timestampMs, count] of times) {
    if (!known.has(timestampMs)) missing += Math.max(0, valuesAt(timestampMs).size - count)
  }
  return { snapshots: durable.length, samples, missing, doubled, outOfOrder, wrong }
}

/** Which snapshots did not arrive whole: for whoever has to find out why. */
export function incomplete(durable: readonly Durable[], arrived: readonly LedgerEntry[]): readonly string[] {
  const byTime = new Map<number, number>()
  for (const { timestampMs, stale } of arrived) if (!stale) byTime.set(timestampMs, (byTime.get(timestampMs) ?? 0) + 1)
  return durable.flatMap(({ timestampMs, samples }, i) => {
    const count = byTime.get(timestampMs) ?? 0
    return count < samples ? [`${count} of ${samples} at ${timestampMs}, snapshot ${i + 1} of ${durable.length}`] : []
  })
}

/** What a real receiver's store has of `fault_time`, by part: a gap is a time at which a part is missing or wrong. */
export function gaps(durable: readonly Durable[], stored: ReadonlyMap<string, ReadonlyMap<number, number>>): number {
  let count = 0
  for (const { timestampMs } of durable) {
    for (const [part, value] of valuesAt(timestampMs)) if (stored.get(part)?.get(timestampMs) !== value) count++
  }
  return count
}

export const said = (name: string, verdict: Verdict): string =>
  `${name}: ${Object.entries(verdict)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ')}`
