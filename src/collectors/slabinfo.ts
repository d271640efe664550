import { collector, parseEach, pattern } from '../collector.ts'
import { fields, lines, numberOf } from '../host/index.ts'

import { filterOf, gauge } from '../metrics/index.ts'

/** The columns after the name of the slab. */
const columns = [
  gauge('node_slabinfo_active_objects', 'Objects of a slab that are in use.', ['slab']),
  gauge('node_slabinfo_objects', 'Objects of a slab.', ['slab']),
  gauge('node_slabinfo_object_size_bytes', 'Size of one object of a slab.', ['slab']),
  gauge('node_slabinfo_objects_per_slab', 'Objects that fit in one slab.', ['slab']),
  gauge('node_slabinfo_pages_per_slab', 'Pages per slab.', ['slab']),
]

/** https://man7.org/linux/man-pages/man5/slabinfo.5.html. Only root can read it. */
export default collector({
  name: 'slabinfo',
  about: 'Reports the objects and pages of kernel slab caches. Reads /proc/slabinfo.',
  enabled: false,
  options: {
    'slabs-include': pattern('.*', 'Slabs to report.'),
    'slabs-exclude': pattern('', 'Slabs to exclude.'),
  },
  // Both may be set, unlike the patterns of most other collectors.
  state: (options) => ({
    included: filterOf(options['slabs-include'], undefined),
    kept: filterOf(undefined, options['slabs-exclude']),
  }),
  collect({ proc, emit, state }) {
    for (const [slab, values] of parseSlabinfo(proc.read('slabinfo'))) {
      if (!state.included(slab) || !state.kept(slab)) continue
      columns.forEach((family, i) => {
        emit(family, values[i], { slab })
      })
    }
  },
})

/** Lines after two header lines: `tw_sock_TCP 704 864 256 32 2 : tunables 0 0 0 : slabdata 27 27 0`. */
export function parseSlabinfo(text: string): Generator<readonly [slab: string, values: readonly number[]]> {
  return parseEach(lines(text), (line) => {
    if (line.startsWith('slabinfo - version') || line.startsWith('#')) return undefined
    const [slab = '', ...words] = fields(line)
    if (words.length < columns.length) throw new Error(`slabinfo: ${JSON.stringify(line.slice(0, 80))} is too short`)
    return [slab, words.slice(0, columns.length).map((word) => numberOf(word, () => `slabinfo: ${slab}`))]
  })
}
