import { boolean, collector } from '../collector.ts'
import { parseStat } from '../host/index.ts'
import { counter, gauge } from '../metrics/index.ts'

const totals = {
  intr: counter('node_intr_total', 'Interrupts serviced since boot.'),
  ctxt: counter('node_context_switches_total', 'Context switches since boot.'),
  processes: counter('node_forks_total', 'Processes and threads created since boot.'),
  btime: gauge('node_boot_time_seconds', 'When the kernel booted, in seconds since the epoch.'),
  procs_running: gauge('node_procs_running', 'Threads that run or wait for a CPU.'),
  procs_blocked: gauge('node_procs_blocked', 'Threads that are blocked, waiting for I/O.'),
}
const softirqs = counter('node_softirqs_total', 'Softirqs serviced since boot, by vector.', ['vector'])

/** The kernel's order: enum in include/linux/interrupt.h. */
const vectors = [
  'hi',
  'timer',
  'net_tx',
  'net_rx',
  'block',
  'block_iopoll',
  'tasklet',
  'sched',
  'hrtimer',
  'rcu',
] as const

/** https://docs.kernel.org/filesystems/proc.html#miscellaneous-kernel-statistics-in-proc-stat */
export default collector({
  name: 'stat',
  about: 'Reports interrupts, context switches, forks and the boot time. Reads /proc/stat.',
  options: {
    softirq: boolean(false, 'Report softirqs by vector.'),
  },
  collect({ proc, emit, options }) {
    const stat = proc.once('stat', parseStat)
    for (const [key, family] of Object.entries(totals)) emit(family, stat.totals.get(key))
    if (options.softirq)
      vectors.forEach((vector, i) => {
        emit(softirqs, stat.softirqs[i], { vector })
      })
    if (stat.failure !== undefined) throw stat.failure
  },
})
