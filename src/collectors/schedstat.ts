import { collector, NoData } from '../collector.ts'
import { nano } from '../host/index.ts'
import { counter } from '../metrics/index.ts'

const running = counter('node_schedstat_running_seconds_total', 'Seconds that a CPU spent running tasks.', ['cpu'])
const waiting = counter('node_schedstat_waiting_seconds_total', 'Seconds that tasks waited for a CPU.', ['cpu'])
const timeslices = counter('node_schedstat_timeslices_total', 'Timeslices that a CPU has run.', ['cpu'])

/** https://docs.kernel.org/scheduler/sched-stats.html */
export default collector({
  name: 'schedstat',
  about: 'Reports the time that tasks ran and waited on each CPU. Reads /proc/schedstat.',
  collect({ proc, emit }) {
    const text = proc.readIfAny('schedstat')
    if (text === undefined) throw new NoData('the kernel has no scheduler statistics')
    for (const one of parseSchedstat(text)) {
      const { cpu } = one
      emit(running, nano(one.runningNs), { cpu })
      emit(waiting, nano(one.waitingNs), { cpu })
      emit(timeslices, one.timeslices, { cpu })
    }
  },
})

interface Scheduled {
  readonly cpu: string
  readonly runningNs: number
  readonly waitingNs: number
  readonly timeslices: number
}

/** `cpu0 1 2 3 4 5 6 7 8 9`: the last three numbers are used. Lines of scheduling domains are skipped. */
export function* parseSchedstat(text: string): Generator<Scheduled> {
  for (const [, cpu = '', ran, waited, slices] of text.matchAll(/^cpu(\d+)(?: \d+){6} (\d+) (\d+) (\d+)/gm))
    yield { cpu, runningNs: Number(ran), waitingNs: Number(waited), timeslices: Number(slices) }
}
