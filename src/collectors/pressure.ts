import { collectEach, collector, collectParts, NoData, requireValue } from '../collector.ts'
import { milli } from '../host/index.ts'
import { counter, type Family } from '../metrics/index.ts'

const waiting = (resource: string, what: string) =>
  counter(`node_pressure_${resource}_waiting_seconds_total`, `Seconds in which some task waited for ${what}.`)
const stalled = (resource: string, what: string) =>
  counter(`node_pressure_${resource}_stalled_seconds_total`, `Seconds in which all tasks waited for ${what}.`)

/** Families of the lines `some` and `full` of each resource. System-wide, `full` of cpu is always 0. */
const resources: readonly [file: string, some: Family<never> | undefined, full: Family<never> | undefined][] = [
  ['cpu', waiting('cpu', 'a CPU'), undefined],
  ['io', waiting('io', 'I/O'), stalled('io', 'I/O')],
  ['memory', waiting('memory', 'memory'), stalled('memory', 'memory')],
  ['irq', undefined, stalled('irq', 'interrupts to end')],
]

/** https://docs.kernel.org/accounting/psi.html. With psi=0 the files exist, and reading them gives EOPNOTSUPP. */
export default collector({
  name: 'pressure',
  about: 'Reports the time that tasks were stalled on CPU, memory, I/O and interrupts. Reads /proc/pressure.',
  collect({ proc, emit }) {
    let found = false
    collectEach(resources, ([resource, some, full]) => {
      const text = proc.readIfAny(`pressure/${resource}`)
      if (text === undefined) return
      found = true
      const totals = parsePressure(text)
      const emitOne = (family: Family<never> | undefined, kind: 'some' | 'full') => {
        if (family !== undefined) emit(family, seconds(requireValue(totals[kind], `${kind} in pressure/${resource}`)))
      }
      collectParts(
        () => emitOne(some, 'some'),
        () => emitOne(full, 'full'),
      )
    })
    if (!found) throw new NoData('the kernel does not measure pressure')
  },
})

/** Divides in two steps, as node_exporter does: 14036781 μs give 14.036781000000001 s. */
const seconds = (microseconds: number | undefined) => milli(milli(microseconds))

/** Total stall times in microseconds: `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234`. */
export function parsePressure(text: string): { some?: number; full?: number } {
  const totals: { some?: number; full?: number } = {}
  for (const [, kind, total] of text.matchAll(/^(some|full) .*\btotal=(\d+)$/gm))
    totals[kind as 'some' | 'full'] = Number(total)
  if (text !== '' && Object.keys(totals).length === 0)
    throw new Error(`pressure: no total in ${JSON.stringify(text.slice(0, 80))}`)
  return totals
}
