import { collector } from '../collector.ts'
import { familyOf, gauge } from '../metrics/index.ts'

const memory = familyOf((field) => gauge(`node_memory_${field}`, `Memory information field ${field}.`))

/** https://docs.kernel.org/filesystems/proc.html#meminfo */
export default collector({
  name: 'meminfo',
  about: 'Reports memory usage. Reads /proc/meminfo.',
  collect({ proc, emit }) {
    for (const [field, value] of parseMeminfo(proc.read('meminfo'))) emit(memory(field), value)
  },
})

/** `Active(anon):  4 kB` becomes `Active_anon_bytes`, 4096; a line without a unit is a count, and its name is not changed. */
export function* parseMeminfo(text: string): Generator<[field: string, value: number]> {
  for (const [, key = '', inner, digits, unit] of text.matchAll(/^(\w+)(?:\((\w+)\))?:\s+(\d+)( kB)?$/gm)) {
    const field = inner ? `${key}_${inner}` : key
    yield unit ? [`${field}_bytes`, Number(digits) * 1024] : [field, Number(digits)]
  }
}
