import { collectEach, collector } from '../collector.ts'
import { parseLnstat } from '../host/index.ts'
import { counter, familyOf } from '../metrics/index.ts'

const statistic = familyOf((column) => {
  const name = column.replace(/_*[^0-9A-Za-z_]+_*/g, '_')
  return counter(`node_lnstat_${name}_total`, `${column} of the files in /proc/net/stat.`, ['cpu', 'subsystem'])
})

/** https://man7.org/linux/man-pages/man8/lnstat.8.html */
export default collector({
  name: 'lnstat',
  about: 'Reports the statistics of network caches by CPU. Reads /proc/net/stat.',
  enabled: false,
  collect({ proc, emit }) {
    collectEach(proc.at('net/stat').children(), ({ name: subsystem }) => {
      const { names, rows } = proc.once(`net/stat/${subsystem}`, parseLnstat)
      rows.forEach((row, cpu) => {
        names.forEach((name, at) => {
          emit(statistic(name), row[at], { cpu: String(cpu), subsystem })
        })
      })
    })
  },
})
