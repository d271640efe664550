import { collector, parseEach } from '../collector.ts'
import { fields, lines } from '../host/index.ts'
import { counter, gauge } from '../metrics/index.ts'

const total = (name: string, help: string) => counter(`node_softnet_${name}_total`, help, ['cpu'])

/** Metrics by column. Newer kernels have more columns; a missing one is 0, as in node_exporter. */
const columns = [
  [0, total('processed', 'Packets that a CPU has processed.')],
  [1, total('dropped', 'Packets that were dropped because the backlog was full.')],
  [2, total('times_squeezed', 'How often a CPU ran out of budget or time with packets left.')],
  [8, total('cpu_collision', 'Collisions while the lock of a device was taken to send.')],
  [9, total('received_rps', 'How often a CPU was woken by another to process packets.')],
  [10, total('flow_limit_count', 'How often the limit of a flow was reached.')],
  [11, gauge('node_softnet_backlog_len', 'Packets in the backlog of a CPU.', ['cpu'])],
] as const
const minColumns = 9
/** The number of the CPU; offline ones have no row. */
const cpuColumn = 12

/** /proc/net/softnet_stat: softnet_seq_show in net/core/net-procfs.c */
export default collector({
  name: 'softnet',
  about: 'Counts the packets that each CPU processed or dropped. Reads /proc/net/softnet_stat.',
  collect({ proc, emit }) {
    for (const { row, values } of parseSoftnet(proc.read('net/softnet_stat'))) {
      const cpu = String(values[cpuColumn] ?? row)
      for (const [at, family] of columns) emit(family, values[at] ?? 0, { cpu })
    }
  },
})

/** A row of 32-bit hexadecimal numbers for each CPU. */
export function parseSoftnet(text: string): Generator<{ readonly row: number; readonly values: readonly number[] }> {
  return parseEach(lines(text).entries(), ([row, line]) => {
    const values = fields(line).map((word) => Number(`0x${word}`))
    if (values.length < minColumns || values.some(Number.isNaN))
      throw new Error(`softnet_stat: ${JSON.stringify(line.slice(0, 80))} is not ${minColumns} hexadecimal numbers`)
    return { row, values }
  })
}
