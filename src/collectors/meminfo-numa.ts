import { collectEach, collector, collectParts, parseEach } from '../collector.ts'
import { fields, lines, numberOf } from '../host/index.ts'

import { counter, familyOf, gauge } from '../metrics/index.ts'

const memory = familyOf((field) => gauge(`node_memory_numa_${field}`, `${field} of a node's memory.`, ['node']))
const allocations = familyOf((field) =>
  counter(`node_memory_numa_${field}_total`, `Pages allocated: ${field} of a node's numastat.`, ['node']),
)

/** https://docs.kernel.org/admin-guide/numastat.html */
export default collector({
  name: 'meminfo_numa',
  about: 'Reports memory usage and allocations by NUMA node. Reads /sys/devices/system/node.',
  enabled: false,
  collect({ sys, emit }) {
    const nodes = sys.at('devices/system/node').children('node')
    collectEach(nodes, (directory) => {
      if (!/^\d/.test(directory.id)) return
      const labels = { node: directory.id }
      collectParts(
        () => {
          for (const [field, value] of parseNodeMeminfo(directory.read('meminfo'))) emit(memory(field), value, labels)
        },
        () => {
          for (const [field, value] of parseNumastat(directory.read('numastat')))
            emit(allocations(field), value, labels)
        },
      )
    })
  },
})

/** `Node 0 Active(anon): 4 kB` becomes `Active_anon`, 4096: the unit is not part of the name. */
export function parseNodeMeminfo(text: string): Generator<readonly [field: string, value: number]> {
  const rows = text.matchAll(/^Node \d+ (\w+)(?:\((\w+)\))?:\s+(\S+)( kB)?\s*$/gm)
  return parseEach(rows, ([, key = '', inner, digits = '', unit]) => {
    const field = inner ? `${key}_${inner}` : key
    return [field, numberOf(digits, () => `meminfo: ${field}`) * (unit ? 1024 : 1)]
  })
}

/** `numa_hit 193460335812` */
export function parseNumastat(text: string): Generator<readonly [field: string, value: number]> {
  return parseEach(lines(text), (line) => {
    const [field = '', value = '', ...rest] = fields(line)
    if (rest.length > 0) throw new Error(`numastat: ${JSON.stringify(line.slice(0, 80))} has more than two fields`)
    return [field, numberOf(value, () => `numastat: ${field}`)]
  })
}
