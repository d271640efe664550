import { collector, parseEach } from '../collector.ts'
import { fields, lines, numberOf } from '../host/index.ts'

import { counter } from '../metrics/index.ts'

const functions = counter('node_softirqs_functions_total', 'Softirqs that a CPU has serviced.', ['cpu', 'type'])

const types = new Set(['HI', 'TIMER', 'NET_TX', 'NET_RX', 'BLOCK', 'IRQ_POLL', 'TASKLET', 'SCHED', 'HRTIMER', 'RCU'])

/** https://docs.kernel.org/filesystems/proc.html#kernel-data */
export default collector({
  name: 'softirqs',
  about: 'Counts softirqs by CPU and type. Reads /proc/softirqs.',
  enabled: false,
  collect({ proc, emit }) {
    for (const [type, counts] of parseSoftirqs(proc.read('softirqs'))) {
      if (!types.has(type)) continue
      counts.forEach((count, cpu) => {
        emit(functions, count, { cpu: String(cpu), type })
      })
    }
  },
})

/** A column for each CPU below a line with their names, `TIMER: 424191 108342`. */
export function parseSoftirqs(text: string): Generator<readonly [type: string, counts: readonly number[]]> {
  const [header, ...rest] = lines(text)
  if (header === undefined) throw new Error('softirqs: the file is empty')
  return parseEach(rest, (line) => {
    const [name = '', ...words] = fields(line)
    if (!name.endsWith(':')) return undefined
    return [name.slice(0, -1), words.map((word) => numberOf(word, () => `softirqs: ${name}`))]
  })
}
