import { collector, collectParts, type Emit } from '../collector.ts'
import type { Dir } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const threads = gauge('node_processes_threads', 'Threads of all processes.')
const maxThreads = gauge('node_processes_max_threads', 'Maximum number of threads of the system.')
const state = gauge('node_processes_state', 'Processes in each state.', ['state'])
const threadState = gauge('node_processes_threads_state', 'Threads in each state.', ['thread_state'])
const pids = gauge('node_processes_pids', 'Processes.')
const maxProcesses = gauge('node_processes_max_processes', 'Maximum process ID, plus one.')

/** https://docs.kernel.org/filesystems/proc.html#process-specific-subdirectories. A process may end at any moment. */
export default collector({
  name: 'processes',
  about: 'Counts processes and threads by state, with their limits. Reads /proc/PID/stat and /proc/PID/task.',
  enabled: false,
  collect({ proc, emit }) {
    collectParts(
      () => collectCounts(proc, emit),
      () => emit(maxThreads, limit(proc, 'threads-max')),
      () => emit(maxProcesses, limit(proc, 'pid_max')),
    )
  },
})

function collectCounts(proc: Dir, emit: Emit): void {
  const [states, threadStates] = [new Tally(), new Tally()]
  let [processes, allThreads] = [0, 0]
  for (const directory of numbered(proc)) {
    const process = parsePidStat(directory.readIfAny('stat'))
    if (process === undefined) continue
    processes++
    allThreads += process.threads
    states.add(process.state)
    for (const task of numbered(directory.at('task'))) {
      // The first thread has the file of the process, which was read above.
      const thread = task.name === directory.name ? process : parsePidStat(task.readIfAny('stat'))
      if (thread !== undefined) threadStates.add(thread.state)
    }
  }
  emit(threads, allThreads)
  for (const [one, count] of states) emit(state, count, { state: one })
  for (const [one, count] of threadStates) emit(threadState, count, { thread_state: one })
  emit(pids, processes)
}

class Tally extends Map<string, number> {
  add(key: string): void {
    this.set(key, (this.get(key) ?? 0) + 1)
  }
}

const numbered = (directory: Dir): Dir[] => directory.children().filter(({ name }) => /^\d+$/.test(name))

function limit(proc: Dir, name: string): number {
  const value = proc.number(`sys/kernel/${name}`)
  if (value === undefined) throw new Error(`processes: /proc/sys/kernel/${name} is missing`)
  return value
}

/** `10 (a name) S ...`: the name may contain parentheses. Undefined if the process has ended or the text cannot be parsed. */
export function parsePidStat(text = ''): { readonly state: string; readonly threads: number } | undefined {
  const [, state, , , , , , , , , , , , , , , , , threads] = text.slice(text.lastIndexOf(')')).split(' ')
  return state && threads && /^\d+$/.test(threads) ? { state, threads: Number(threads) } : undefined
}
