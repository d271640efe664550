import { collector } from '../collector.ts'
import { numberOf } from '../host/fs/dir.ts'
import { fields, lines } from '../host/fs/text.ts'
import { counter, familyOf, gauge } from '../metrics/family.ts'

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
    for (const directory of sys.at('devices/system/node').children('node')) {
      if (!/^\d/.test(directory.id)) continue
      const labels = { node: directory.id }
      for (const [field, value] of parseNodeMeminfo(directory.read('meminfo'))) emit(memory(field), value, labels)
      for (const [field, value] of parseNumastat(directory.read('numastat'))) emit(allocations(field), value, labels)
    }
  },
})

/** `Node 0 Active(anon): 4 kB` becomes `Active_anon`, 4096: the unit leaves no trace in the name. */
export function* parseNodeMeminfo(text: string): Generator<[field: string, value: number]> {
  for (const [, key = '', inner, digits = '', unit] of text.matchAll(
    /^Node \d+ (\w+)(?:\((\w+)\))?:\s+(\S+)( kB)?\s*$/gm,
  )) {
    const field = inner ? `${key}_${inner}` : key
    yield [field, numberOf(digits, () => `meminfo: ${field}`) * (unit ? 1024 : 1)]
  }
}

/** `numa_hit 193460335812` */
export function* parseNumastat(text: string): Generator<[field: string, value: number]> {
  for (const line of lines(text)) {
    const [field = '', value = '', ...rest] = fields(line)
    if (rest.length > 0) throw new Error(`numastat: ${JSON.stringify(line.slice(0, 80))} has more than two fields`)
    yield [field, numberOf(value, () => `numastat: ${field}`)]
  }
}
