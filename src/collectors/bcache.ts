import { boolean, collectEach, collector, collectParts, type Emit } from '../collector.ts'
import { type Dir, keyValues } from '../host/index.ts'

import { type Family, gauge, undatedCounter } from '../metrics/index.ts'

type Where = 'uuid' | 'backing_device' | 'cache_device'
type Attribute<Label extends Where> = readonly [key: string, family: Family<Label>, scale: number]

const making =
  <Label extends Where>(labels: readonly Label[]) =>
  (define: typeof gauge, key: string, name: string, help: string, scale = 1): Attribute<Label> => [
    key,
    define(`node_bcache_${name}`, help, labels),
    scale,
  ]
const set = making(['uuid'])
const backing = making(['backing_device', 'uuid'])
const cache = making(['cache_device', 'uuid'])

const setFiles = [
  set(gauge, 'average_key_size', 'average_key_size_sectors', 'Average number of sectors per key of the btree.'),
  set(gauge, 'btree_cache_size', 'btree_cache_size_bytes', 'Memory used by the cache of the btree.'),
  set(gauge, 'cache_available_percent', 'cache_available_percent', 'Percentage of the cache without dirty data.'),
  set(gauge, 'congested', 'congested', 'How congested the cache devices are.'),
  set(gauge, 'root_usage_percent', 'root_usage_percent', 'How full the root node of the btree is.'),
  set(gauge, 'tree_depth', 'tree_depth', 'Depth of the btree.'),
  set(gauge, 'internal/active_journal_entries', 'active_journal_entries', 'Journal entries newer than the index.'),
  set(gauge, 'internal/btree_nodes', 'btree_nodes', 'Nodes of the btree.'),
  // The value is in microseconds; node_exporter treats it as nanoseconds.
  set(
    gauge,
    'internal/btree_read_average_duration_us',
    'btree_read_average_duration_seconds',
    'Average duration of a read of the btree, divided by 1000.',
    1e-9,
  ),
  set(undatedCounter, 'internal/cache_read_races', 'cache_read_races_total', 'Reads that found their bucket reused.'),
]
const backingFiles = [
  backing(gauge, 'dirty_data', 'dirty_data_bytes', 'Dirty data in the cache for this device.'),
  backing(undatedCounter, 'stats_total/bypassed', 'bypassed_bytes_total', 'Bytes that bypassed the cache.'),
  backing(
    undatedCounter,
    'stats_total/cache_bypass_hits',
    'cache_bypass_hits_total',
    'Cache hits of I/O that was to bypass the cache.',
  ),
  backing(
    undatedCounter,
    'stats_total/cache_bypass_misses',
    'cache_bypass_misses_total',
    'Cache misses of I/O that was to bypass the cache.',
  ),
  backing(undatedCounter, 'stats_total/cache_hits', 'cache_hits_total', 'Hits in the cache.'),
  backing(
    undatedCounter,
    'stats_total/cache_miss_collisions',
    'cache_miss_collisions_total',
    'Misses that were not cached because of a concurrent write.',
  ),
  backing(undatedCounter, 'stats_total/cache_misses', 'cache_misses_total', 'Misses in the cache.'),
]
const readaheads = undatedCounter('node_bcache_cache_readaheads_total', 'Times data was read ahead.', [
  'backing_device',
  'uuid',
])
const writeback = [
  backing(gauge, 'change', 'writeback_change', 'Last change of the writeback rate.'),
  backing(gauge, 'integral', 'writeback_rate_integral_term', 'Integral term of the writeback rate.'),
  backing(gauge, 'proportional', 'writeback_rate_proportional_term', 'Proportional term of the writeback rate.'),
  backing(gauge, 'rate', 'writeback_rate', 'Bytes a second written back.'),
  backing(gauge, 'target', 'dirty_target_bytes', 'Target amount of dirty data.'),
]
const cacheFiles = [
  cache(gauge, 'io_errors', 'io_errors', 'Recent errors; the kernel halves the number over time.'),
  cache(undatedCounter, 'metadata_written', 'metadata_written_bytes_total', 'Bytes written that are not data.'),
  cache(undatedCounter, 'written', 'written_bytes_total', 'Bytes of data written to the cache.'),
]
const priorities = [
  cache(gauge, 'Metadata', 'priority_stats_metadata_percent', 'Percentage of the cache that contains metadata.'),
  cache(gauge, 'Unused', 'priority_stats_unused_percent', 'Percentage of the cache that is unused.'),
]

/** https://docs.kernel.org/admin-guide/bcache.html */
export default collector({
  name: 'bcache',
  about: 'Reports the size, hit rate and errors of bcache sets and their devices. Reads /sys/fs/bcache.',
  options: { priorityStats: boolean(false, 'Also read priority_stats, which is expensive for the kernel.') },
  collect({ sys, emit, options }) {
    const sets = sys.at('fs/bcache').children('', 'directories')
    collectEach(
      sets.filter(({ name }) => name.includes('-')),
      (one) => {
        const uuid = one.name
        const parts = [
          () =>
            collectEach(setFiles, ([file, family, scale]) => emit(family, scaled(sizeIn(one, file), scale), { uuid })),
          () => collectEach(one.children('bdev'), (device) => collectBacking(device, uuid, emit)),
          () =>
            collectEach(one.children('cache', 'directories'), (device) => {
              const labels = { cache_device: device.name, uuid }
              collectParts(
                () => collectEach(cacheFiles, ([file, family]) => emit(family, sizeIn(device, file), labels)),
                () => {
                  if (!options.priorityStats) return
                  const stats = new Map(keyValues(device.read('priority_stats')))
                  for (const [key, family] of priorities) emit(family, percent(stats.get(key)), labels)
                },
              )
            }),
        ]
        collectParts(...parts)
      },
    )
  },
})

function collectBacking(device: Dir, uuid: string, emit: Emit): void {
  const labels = { backing_device: device.name, uuid }
  collectParts(
    () => collectEach(backingFiles, ([file, family]) => emit(family, sizeIn(device, file), labels)),
    () => emit(readaheads, sizeIn(device, 'stats_total/cache_readaheads') || undefined, labels),
    () => {
      const rates = new Map(keyValues(device.read('writeback_rate_debug')))
      collectEach(writeback, ([key, family]) => emit(family, optionalSize(rates.get(key)), labels))
    },
  )
}

const scaled = (value: number | undefined, scale: number) => (value === undefined ? undefined : value * scale)
const sizeIn = (dir: Dir, file: string) => optionalSize(dir.text(file))
const optionalSize = (text: string | undefined) => (text === undefined ? undefined : parseSize(text))
const percent = (text: string | undefined) => (text === undefined ? undefined : Number.parseInt(text, 10))

/**
 * `321.5k/sec`, `20.4G`, `-1.5`, `12`; units are powers of 1024. As in node_exporter, the digits after the point are divided
 * by 10.24, and the result is truncated.
 */
export function parseSize(text: string): number {
  const [, sign, whole, fraction = '0', unit = ''] = /^(-?)(\d+)(?:\.(\d+))?([kMGTPEZY]?)(?:\/sec)?$/.exec(text) ?? []
  if (whole === undefined) throw new Error(`bcache: ${JSON.stringify(text)} is not a size`)
  const value = Math.trunc((Number(whole) + Number(fraction) / 10.24) * 1024 ** ' kMGTPEZY'.indexOf(unit || ' '))
  return sign === '-' ? -value : value
}
