import { collectEach, collector, parseEach } from '../collector.ts'
import { fields, lines } from '../host/index.ts'
import { undatedCounter } from '../metrics/index.ts'

const xfs = (name: string, help: string) => undatedCounter(`node_xfs_${name}_total`, help, ['device'])

const btree = (name: string, what: string) => [
  xfs(`${name}_lookups`, `Lookups in the ${what}.`),
  xfs(`${name}_compares`, `Comparisons in the ${what}.`),
  xfs(`${name}_records_inserted`, `Records put into the ${what}.`),
  xfs(`${name}_records_deleted`, `Records taken out of the ${what}.`),
]

/** Families by line and column; other lines are not reported. */
const columns = new Map(
  Object.entries({
    extent_alloc: [
      xfs('extent_allocation_extents_allocated', 'Extents allocated.'),
      xfs('extent_allocation_blocks_allocated', 'Blocks allocated.'),
      xfs('extent_allocation_extents_freed', 'Extents freed.'),
      xfs('extent_allocation_blocks_freed', 'Blocks freed.'),
    ],
    abt: btree('allocation_btree', 'tree of free space'),
    blk_map: [
      xfs('block_mapping_reads', 'Block maps made for reading.'),
      xfs('block_mapping_writes', 'Block maps made for writing.'),
      xfs('block_mapping_unmaps', 'Block maps undone.'),
      xfs('block_mapping_extent_list_insertions', 'Extents put into lists of extents.'),
      xfs('block_mapping_extent_list_deletions', 'Extents taken out of lists of extents.'),
      xfs('block_mapping_extent_list_lookups', 'Lookups in lists of extents.'),
      xfs('block_mapping_extent_list_compares', 'Comparisons in lists of extents.'),
    ],
    bmbt: btree('block_map_btree', 'trees of block maps'),
    dir: [
      xfs('directory_operation_lookup', 'File names looked up in directories.'),
      xfs('directory_operation_create', 'Entries made in directories.'),
      xfs('directory_operation_remove', 'Entries removed from directories.'),
      xfs('directory_operation_getdents', 'Listings of directories.'),
    ],
    ig: [
      xfs('inode_operation_attempts', 'Inodes looked for in the inode cache.'),
      xfs('inode_operation_found', 'Inodes found in the inode cache.'),
      xfs('inode_operation_recycled', 'Inodes found in the cache while they were being recycled.'),
      xfs('inode_operation_missed', 'Inodes not found in the inode cache.'),
      xfs('inode_operation_duplicates', 'Inodes not found that another thread added to the cache meanwhile.'),
      xfs('inode_operation_reclaims', 'Inodes taken out of the cache to free memory.'),
      xfs('inode_operation_attribute_changes', 'Changes of inode attributes.'),
    ],
    rw: [xfs('write_calls', 'Calls of write(2).'), xfs('read_calls', 'Calls of read(2).')],
    vnodes: [
      xfs('vnode_active', 'Inodes in use.'),
      xfs('vnode_allocate', 'Calls of vn_alloc.'),
      xfs('vnode_get', 'Calls of vn_get.'),
      xfs('vnode_hold', 'Calls of vn_hold.'),
      xfs('vnode_release', 'Calls of vn_rele.'),
      xfs('vnode_reclaim', 'Calls of vn_reclaim.'),
      xfs('vnode_remove', 'Calls of vn_remove.'),
    ],
  }),
)

/** The counters of each mounted file system; `stats` has the sums and is not a device. */
export default collector({
  name: 'xfs',
  about: 'Reports the operation counters of XFS file systems. Reads /sys/fs/xfs.',
  collect({ sys, emit }) {
    collectEach(sys.at('fs/xfs').children(), (device) => {
      for (const [line, values] of parseXfsStats(device.readIfAny('stats/stats') ?? ''))
        columns.get(line)?.forEach((family, i) => {
          emit(family, values[i], { device: device.name })
        })
    })
  },
})

/** `name n n …`: https://xfs.org/index.php/Runtime_Stats */
export function parseXfsStats(text: string): Generator<readonly [line: string, values: readonly number[]]> {
  return parseEach(lines(text), (line) => {
    const [name = '', ...words] = fields(line)
    const values = words.map(Number)
    if (values.some(Number.isNaN))
      throw new Error(`xfs: ${JSON.stringify(line.slice(0, 200))} is not a line of counters`)
    return [name, values]
  })
}
