import { collector } from '../collector.ts'
import { fields } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const averages = [
  gauge('node_load1', 'Load average over one minute.'),
  gauge('node_load5', 'Load average over five minutes.'),
  gauge('node_load15', 'Load average over fifteen minutes.'),
]

/** https://docs.kernel.org/filesystems/proc.html#kernel-data */
export default collector({
  name: 'loadavg',
  about: 'Reports the load averages over 1, 5 and 15 minutes. Reads /proc/loadavg.',
  collect({ proc, emit }) {
    const values = parseLoadavg(proc.read('loadavg'))
    averages.forEach((family, i) => {
      emit(family, values[i])
    })
  },
})

/** `0.21 0.37 0.39 1/719 19737`: the first three numbers are the averages. */
export function parseLoadavg(text: string): number[] {
  const loads = fields(text).slice(0, 3).map(Number)
  if (loads.length < 3 || loads.some(Number.isNaN))
    throw new Error(`loadavg: ${JSON.stringify(text.slice(0, 80))} does not begin with three numbers`)
  return loads
}
