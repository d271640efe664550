import { collector } from '../collector.ts'
import { fields, lines } from '../host/index.ts'
import { counter, familyOf, gauge } from '../metrics/index.ts'

const pages = (key: string, what: string, name = `${key}_pages`) =>
  [key, gauge(`node_zoneinfo_${name}`, what, ['node', 'zone'])] as const
const total = (key: string, what: string) =>
  [key, counter(`node_zoneinfo_${key}_total`, what, ['node', 'zone'])] as const

/** Metrics by key in /proc/zoneinfo. The first zone of a node also has the values of the whole node. */
const statistics = new Map([
  pages('nr_free_pages', 'Free pages of a zone.', 'nr_free_pages'),
  pages('min', 'Free pages below which only the kernel gets more.'),
  pages('low', 'Free pages below which kswapd begins to reclaim.'),
  pages('high', 'Free pages above which kswapd rests.'),
  pages('scanned', 'Pages scanned since some were reclaimed last.'),
  pages('spanned', 'Pages that a zone spans, holes included.'),
  pages('present', 'Pages that a zone has.'),
  pages('managed', 'Pages of a zone that the buddy allocator hands out.'),
  pages('nr_active_anon', 'Anonymous pages that were used lately.'),
  pages('nr_inactive_anon', 'Anonymous pages that were not used lately.'),
  pages('nr_isolated_anon', 'Anonymous pages that are taken off the lists for the moment.'),
  pages('nr_anon_pages', 'Anonymous pages that are mapped.', 'nr_anon_pages'),
  pages('nr_anon_transparent_hugepages', 'Transparent huge pages in use.', 'nr_anon_transparent_hugepages'),
  pages('nr_active_file', 'Pages of files that were used lately.'),
  pages('nr_inactive_file', 'Pages of files that were not used lately.'),
  pages('nr_isolated_file', 'Pages of files that are taken off the lists for the moment.'),
  pages('nr_file_pages', 'Pages of files.', 'nr_file_pages'),
  pages('nr_slab_reclaimable', 'Pages of slabs that can be reclaimed.'),
  pages('nr_slab_unreclaimable', 'Pages of slabs that cannot be reclaimed.'),
  pages('nr_mlock_stack', 'Pages of stacks that are locked in memory.'),
  pages('nr_kernel_stack', 'Kernel stacks, in KiB since Linux 4.14.', 'nr_kernel_stacks'),
  pages('nr_mapped', 'Pages of files that are mapped.'),
  pages('nr_dirty', 'Pages that wait to be written.'),
  pages('nr_writeback', 'Pages that are being written.'),
  pages('nr_unevictable', 'Pages that cannot be reclaimed.'),
  pages('nr_shmem', 'Pages of shared memory and tmpfs.'),
  total('nr_dirtied', 'Pages that became dirty since boot.'),
  total('nr_written', 'Pages that were written since boot.'),
  total('numa_hit', 'Pages allocated on the node they were meant for.'),
  total('numa_miss', 'Pages allocated here though meant for another node.'),
  total('numa_foreign', 'Pages meant for this node and allocated on another.'),
  total('numa_interleave', 'Interleaved pages allocated on the node they were meant for.'),
  total('numa_local', 'Pages allocated by a CPU of this node.'),
  total('numa_other', 'Pages allocated by a CPU of another node.'),
])
const protection = familyOf((index) =>
  gauge(`node_zoneinfo_protection_${index}`, 'Pages kept from allocations that could use a higher zone.', [
    'node',
    'zone',
  ]),
)

/** https://docs.kernel.org/filesystems/proc.html#kernel-data */
export default collector({
  name: 'zoneinfo',
  about: 'Reports page counts and NUMA statistics by memory zone. Reads /proc/zoneinfo.',
  enabled: false,
  collect({ proc, emit }) {
    for (const { node, zone, key, values } of parseZoneinfo(proc.read('zoneinfo'))) {
      const family = statistics.get(key)
      if (family !== undefined) emit(family, values[0], { node, zone })
      if (key !== 'protection:') continue
      values.forEach((value, index) => {
        emit(protection(String(index)), value, { node, zone })
      })
    }
  },
})

interface Line {
  readonly node: string
  readonly zone: string
  readonly key: string
  readonly values: readonly number[]
}

/** `Node 0, zone DMA`, then lines of a key and a number, and `protection: (0, 2039)`. Lines with other words are skipped. */
export function* parseZoneinfo(text: string): Generator<Line> {
  let place: readonly [node: string, zone: string] | undefined
  for (const line of lines(text)) {
    const [key = '', ...words] = fields(line)
    if (key === 'Node') place = [words[0]?.replace(',', '') ?? '', words[2] ?? '']
    else if (place !== undefined) {
      const [node, zone] = place
      const values = words.map((word) => Number.parseInt(word.replace('(', ''), 10))
      if (!values.some(Number.isNaN)) yield { node, zone, key, values }
    }
  }
}
