import { collector } from '../../src/collector.ts'
import { gauge } from '../../src/metrics/family.ts'

/** Series that are always there, and more that come and go. */
const always = 12
const now = 4

/** The more ones are there in every second stretch of so many milliseconds. */
const stretchMs = 700

const time = gauge('fault_time', 'The time of its own snapshot: whoever sees a value knows whether it is right.', [
  'part',
])
const running = gauge('fault_number', 'How many snapshots this process has collected.')

/** What every snapshot of a time holds of `fault_time`: by part, exact as 64-bit floats. */
export function valuesAt(timestampMs: number): ReadonlyMap<string, number> {
  const count = always + (Math.floor(timestampMs / stretchMs) % 2 === 0 ? now : 0)
  return new Map(Array.from({ length: count }, (_, part) => [String(part), timestampMs + part / 16]))
}

/** Values that follow from the time of the snapshot, and a running number. */
export const numbers = collector({
  name: 'numbers',
  about: 'Reports values that follow from the timestamp.',
  state: () => ({ collected: 0 }),
  collect({ emit, now: timestampMs, state }) {
    for (const [part, value] of valuesAt(timestampMs)) emit(time, value, { part })
    emit(running, ++state.collected)
  },
})
