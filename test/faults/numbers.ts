import { collector } from '../../src/collector.ts'
import { gauge } from '../../src/metrics/family.ts'

/** Number of constant series, and of additional series that come and go. */
const always = 12
const now = 4

/** The additional series exist in every second period of this length. */
const stretchMs = 700

const time = gauge('fault_time', 'The time of its own snapshot: whoever sees a value knows whether it is right.', [
  'part',
])
const running = gauge('fault_number', 'How many snapshots this process has collected.')

/** The values of `fault_time` at a time, by part. They are exact as 64-bit floats. */
export function valuesAt(timestampMs: number): ReadonlyMap<string, number> {
  const count = always + (Math.floor(timestampMs / stretchMs) % 2 === 0 ? now : 0)
  return new Map(Array.from({ length: count }, (_, part) => [String(part), timestampMs + part / 16]))
}

/** A collector of values that follow from the time of the snapshot, and of a running number. */
export const numbers = collector({
  name: 'numbers',
  about: 'Reports values that follow from the timestamp.',
  state: () => ({ collected: 0 }),
  collect({ emit, now: timestampMs, state }) {
    for (const [part, value] of valuesAt(timestampMs)) emit(time, value, { part })
    emit(running, ++state.collected)
  },
})
