import { collector, NoData } from '../collector.ts'
import { parseLnstat } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const limits = {
  nf_conntrack_count: gauge('node_nf_conntrack_entries', 'Flows that are tracked.'),
  nf_conntrack_max: gauge('node_nf_conntrack_entries_limit', 'Maximum number of tracked flows.'),
}

const statistic = (name: string, help: string) => gauge(`node_nf_conntrack_stat_${name}`, help)
/** Metrics by column name in the file; each value is the sum over all CPUs. */
const statistics = {
  found: statistic('found', 'Entries that were found when they were looked for.'),
  invalid: statistic('invalid', 'Packets that cannot be tracked.'),
  ignore: statistic('ignore', 'Packets of flows that are tracked already.'),
  insert: statistic('insert', 'Entries that were inserted.'),
  insert_failed: statistic('insert_failed', 'Entries that could not be inserted.'),
  drop: statistic('drop', 'Packets that were dropped because tracking failed.'),
  early_drop: statistic('early_drop', 'Entries that were dropped to make room for new ones.'),
  search_restart: statistic('search_restart', 'Searches that were restarted because the table was resized.'),
}

/** https://docs.kernel.org/networking/nf_conntrack-sysctl.html */
export default collector({
  name: 'conntrack',
  about:
    'Reports the entries, limit and statistics of the connection tracking table. Reads /proc/sys/net/netfilter and /proc/net/stat/nf_conntrack.',
  collect({ proc, emit }) {
    for (const [file, family] of Object.entries(limits)) {
      const value = proc.number(`sys/net/netfilter/${file}`)
      if (value === undefined) throw new NoData(`no ${file}: flows are not tracked`)
      emit(family, value)
    }
    if (!proc.exists('net/stat/nf_conntrack')) throw new NoData('the kernel has no statistics of tracked flows')
    const { names, rows } = proc.once('net/stat/nf_conntrack', parseLnstat)
    for (const [name, family] of Object.entries(statistics)) {
      const at = names.indexOf(name)
      const values = rows.flatMap((row) => row[at] ?? [])
      emit(family, values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0))
    }
  },
})
