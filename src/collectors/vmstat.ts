import { collectEach, collector, pattern } from '../collector.ts'
import { numberOf } from '../host/index.ts'
import { familyOf, filterOf, untyped } from '../metrics/index.ts'

const field = familyOf((name) => untyped(`node_vmstat_${name}`, `${name} of /proc/vmstat.`))

/** https://docs.kernel.org/admin-guide/mm/: statistics of virtual memory, some 190 of them. */
export default collector({
  name: 'vmstat',
  about: 'Reports virtual memory statistics. Reads /proc/vmstat.',
  options: {
    fields: pattern('^(oom_kill|pgpg|pswp|pg.*fault).*', 'Fields to report.'),
  },
  state: ({ fields }) => ({ isIncluded: filterOf(fields, undefined) }),
  collect({ proc, emit, state }) {
    collectEach(parseVmstat(proc.read('vmstat')), ([name, value]) => {
      if (!state.isIncluded(name)) return
      const number = numberOf(value, () => `vmstat: ${name}`)
      emit(field(name), number)
    })
  },
})

/** `pgfault 2320168`: one name and number per line. The number stays text, as only few are used. */
export function* parseVmstat(text: string): Generator<[name: string, value: string]> {
  for (let from = 0; from < text.length; ) {
    const newline = text.indexOf('\n', from)
    const end = newline === -1 ? text.length : newline
    const space = text.indexOf(' ', from)
    if (space !== -1 && space < end) yield [text.slice(from, space), text.slice(space + 1, end)]
    from = end + 1
  }
}
