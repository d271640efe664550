import { collector, collectParts } from '../collector.ts'
import { milli } from '../host/index.ts'
import { counter, gauge } from '../metrics/index.ts'

const value = (file: string, help: string) => [file, gauge(`node_ksmd_${file}`, help)] as const

const attributes = [
  ['full_scans', counter('node_ksmd_full_scans_total', 'How often all mergeable memory was scanned.')] as const,
  value('merge_across_nodes', 'Whether pages of different NUMA nodes are merged.'),
  value('pages_shared', 'Shared pages in use.'),
  value('pages_sharing', 'Sites that share these pages: how much is saved.'),
  value('pages_to_scan', 'Pages to scan before ksmd sleeps.'),
  value('pages_unshared', 'Unique pages that are checked again and again.'),
  value('pages_volatile', 'Pages that change too fast to be merged.'),
  value('run', 'Whether ksmd runs: 0 stopped, 1 running, 2 stopped and all unmerged.'),
] as const
const sleep = gauge('node_ksmd_sleep_seconds', 'Seconds that ksmd sleeps between scans.')

/** https://docs.kernel.org/admin-guide/mm/ksm.html */
export default collector({
  name: 'ksmd',
  about: 'Reports the settings and counters of kernel samepage merging. Reads /sys/kernel/mm/ksm.',
  enabled: false,
  collect({ sys, emit }) {
    const ksm = sys.at('kernel/mm/ksm')
    const number = (file: string) => {
      const found = ksm.number(file)
      if (found === undefined) throw new Error(`ksmd: ${file} is missing`)
      return found
    }
    const values = attributes.map(
      ([file, family]) =>
        () =>
          emit(family, number(file)),
    )
    collectParts(...values, () => emit(sleep, milli(number('sleep_millisecs'))))
  },
})
