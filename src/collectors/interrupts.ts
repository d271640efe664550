import { boolean, collectEach, collector, pattern } from '../collector.ts'
import { fields, lines, numberOf } from '../host/index.ts'

import { counter, filterOf } from '../metrics/index.ts'

const interrupts = counter('node_interrupts_total', 'Interrupts that a CPU has serviced, by their number or name.', [
  'cpu',
  'type',
  'info',
  'devices',
])

/** https://docs.kernel.org/filesystems/proc.html#kernel-data */
export default collector({
  name: 'interrupts',
  about: 'Counts interrupts by CPU, type and device. Reads /proc/interrupts.',
  enabled: false,
  options: {
    'name-include': pattern('', 'Interrupts to report, as name;info;devices.'),
    'name-exclude': pattern('', 'Interrupts to exclude, as name;info;devices.'),
    'include-zeros': boolean(true, 'Report interrupts that a CPU has never serviced.'),
  },
  // Both may be set, unlike the patterns of most other collectors.
  state: (options) => ({
    included: filterOf(options['name-include'], undefined),
    kept: filterOf(undefined, options['name-exclude']),
  }),
  collect({ proc, emit, options, state }) {
    collectEach(parseInterrupts(proc.read('interrupts')), ({ type, info, devices, counts }) => {
      const name = `${type};${info};${devices}`
      if (!state.included(name) || !state.kept(name)) return
      counts.forEach((word, cpu) => {
        const count = numberOf(word, () => `interrupts: ${type}`)
        if (count !== 0 || options['include-zeros']) emit(interrupts, count, { cpu: String(cpu), type, info, devices })
      })
    })
  },
})

interface Interrupt {
  readonly type: string
  readonly info: string
  readonly devices: string
  /** Counts by column. The column is not the number of the CPU if some CPUs are offline. */
  readonly counts: readonly string[]
}

/**
 * `16: 328511 322879 IR-IO-APIC-fasteoi ehci_hcd:usb1, mmc0` or `NMI: 47 50 Non-maskable interrupts`, after a header
 * with the CPUs. `ERR:` and `MIS:`, which have one count for all CPUs and no description, are skipped.
 */
export function* parseInterrupts(text: string): Generator<Interrupt> {
  const [header, ...rest] = lines(text)
  if (header === undefined) throw new Error('interrupts: the file is empty')
  const cpus = fields(header).length
  for (const line of rest) {
    const colon = line.indexOf(':')
    const words = fields(line.slice(colon + 1))
    if (colon === -1 || words.length <= cpus) continue
    const type = line.slice(0, colon).trim()
    const [counts, description] = [words.slice(0, cpus), words.slice(cpus)]
    if (!/^\d+$/.test(type)) yield { type, info: description.join(' '), devices: '', counts }
    else yield { type, info: description[0] ?? '', devices: description.slice(1).join(' '), counts }
  }
}
