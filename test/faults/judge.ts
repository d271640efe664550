import type { LedgerEntry } from '../../src/demo-receiver/store.ts'
import { valuesAt } from './numbers.ts'

/** A snapshot that was durable, according to the ledger. */
export interface Durable {
  readonly timestampMs: number
  readonly samples: number
}

/** Comparison of the receiver's samples with the collected ones, in numbers of samples. */
export interface Verdict {
  readonly snapshots: number
  readonly samples: number
  readonly missing: number
  readonly doubled: number
  readonly outOfOrder: number
  /** Samples with a wrong value, or at a time without this series. */
  readonly wrong: number
}

export const faultless = { missing: 0, doubled: 0, outOfOrder: 0, wrong: 0 }

/** Checks that every sample arrived once and in order. Ignores stale markers. */
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
  // was being written at a kill, durable or not: it may be missing, but not incomplete
  for (const [timestampMs, count] of times) {
    if (!known.has(timestampMs)) missing += Math.max(0, valuesAt(timestampMs).size - count)
  }
  return { snapshots: durable.length, samples, missing, doubled, outOfOrder, wrong }
}

/** The snapshots that arrived incomplete, to debug a failure. */
export function incomplete(durable: readonly Durable[], arrived: readonly LedgerEntry[]): readonly string[] {
  const byTime = new Map<number, number>()
  for (const { timestampMs, stale } of arrived) if (!stale) byTime.set(timestampMs, (byTime.get(timestampMs) ?? 0) + 1)
  return durable.flatMap(({ timestampMs, samples }, i) => {
    const count = byTime.get(timestampMs) ?? 0
    return count < samples ? [`${count} of ${samples} at ${timestampMs}, snapshot ${i + 1} of ${durable.length}`] : []
  })
}

/** The times at which a part of `fault_time` is missing or wrong in a real receiver. */
export function gaps(durable: readonly Durable[], stored: ReadonlyMap<string, ReadonlyMap<number, number>>): number {
  let count = 0
  for (const { timestampMs } of durable) {
    for (const [part, value] of valuesAt(timestampMs)) if (stored.get(part)?.get(timestampMs) !== value) count++
  }
  return count
}

export const verdictText = (name: string, verdict: Verdict): string =>
  `${name}: ${Object.entries(verdict)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ')}`
