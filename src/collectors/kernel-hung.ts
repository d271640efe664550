import { collector, NoData } from '../collector.ts'
import { counter } from '../metrics/index.ts'

const hung = counter('node_kernel_hung_tasks_total', 'Tasks that were found hung since boot.')

/** https://docs.kernel.org/admin-guide/sysctl/kernel.html: since Linux 6.13. */
export default collector({
  name: 'kernel_hung',
  about: 'Counts the tasks that the kernel detected as hung. Reads /proc/sys/kernel/hung_task_detect_count.',
  collect({ proc, emit }) {
    const count = proc.number('sys/kernel/hung_task_detect_count')
    if (count === undefined) throw new NoData('the kernel does not count hung tasks')
    emit(hung, count)
  },
})
