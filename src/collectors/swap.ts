import { collector, parseEach } from '../collector.ts'
import { fields, kibi, lines, numberOf } from '../host/index.ts'

import { gauge } from '../metrics/index.ts'

const size = gauge('node_swap_size_bytes', 'Size of a swap area.', ['device', 'swap_type'])
const used = gauge('node_swap_used_bytes', 'Bytes of a swap area that are in use.', ['device', 'swap_type'])
const priority = gauge(
  'node_swap_priority',
  'Priority of a swap area; the area with the highest priority is used first.',
  ['device', 'swap_type'],
)

/** https://man7.org/linux/man-pages/man2/swapon.2.html */
export default collector({
  name: 'swap',
  about: 'Reports the size, usage and priority of swap areas. Reads /proc/swaps.',
  enabled: false,
  collect({ proc, emit }) {
    for (const area of parseSwaps(proc.read('swaps'))) {
      const labels = { device: area.device, swap_type: area.type }
      emit(size, kibi(area.sizeKib), labels)
      emit(used, kibi(area.usedKib), labels)
      emit(priority, area.priority, labels)
    }
  },
})

interface Area {
  readonly device: string
  readonly type: string
  readonly sizeKib: number
  readonly usedKib: number
  readonly priority: number
}

/** Columns after a header line: name (with white space as \040 and the like), type, size, used and priority. */
export function parseSwaps(text: string): Generator<Area> {
  return parseEach(lines(text).slice(1), (line) => {
    const [device = '', type = '', ...words] = fields(line)
    const [sizeKib, usedKib, priority] = words.map((word) => numberOf(word, () => `swaps: ${device}`))
    if (sizeKib === undefined || usedKib === undefined || priority === undefined)
      throw new Error(`swaps: ${JSON.stringify(line.slice(0, 80))} is too short`)
    return { device, type, sizeKib, usedKib, priority }
  })
}
